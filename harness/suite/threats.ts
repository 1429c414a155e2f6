/** The threats of a suite: balls, and after them what happens to images without an attacker. */
import { resolve } from 'node:path';
import { SEVERITIES } from '../../corruptions/corruption.ts';
import { FROST, readPhotographs } from '../../corruptions/frost.ts';
import { corruptions } from '../../corruptions/index.ts';
import { RampartError } from '../../errors.ts';
import { sha256 } from '../../records/hash.ts';
import type { BallEntry, CorruptionsEntry, SuiteFile } from './schema.ts';
import type { Path, Problem } from './source/problems.ts';
import type { Suite, SuiteCorruptions, SuiteThreat } from './suite.ts';

type Entries = SuiteFile['threats'];

/** The entries that are balls. */
export const ballsOf = (entries: Entries): BallEntry[] => entries.filter((entry): entry is BallEntry => entry.kind !== 'corruptions');

type OnProblem = (problem: Problem) => void;

/** Paths are relative to `folder`; `problem` is told of what does not go together. */
export function readThreats(entries: Entries, folder: string, problem: OnProblem): Pick<Suite, 'threats' | 'corruptions'> {
  return { threats: readBalls(entries, problem), corruptions: readCorruptions(entries, folder, problem) };
}

/** Each ball with its growing radii. */
function readBalls(entries: Entries, problem: OnProblem): SuiteThreat[] {
  return ballsOf(entries).map(({ norm, eps, main }, i) => {
    const radii = [...new Set([eps].flat())].sort((a, b) => a - b);
    if (main !== undefined && !radii.includes(main))
      problem({ path: ['threats', i, 'main'], message: `expected one of the radii ${radii.join(', ')}, got ${main}` });
    return { norm, radii, main: main ?? (radii.at(-1) as number) };
  });
}

/** Undefined where there are none. They stand once, after the balls. */
function readCorruptions(entries: Entries, folder: string, problem: OnProblem): SuiteCorruptions | undefined {
  const found = entries.filter((entry): entry is CorruptionsEntry => entry.kind === 'corruptions');
  const first = entries.findIndex(({ kind }) => kind === 'corruptions');
  if (first >= 0 && first < entries.length - 1)
    problem({ path: ['threats', first], message: 'expected corruptions once, after all balls' });
  else if (first === 0)
    problem({ path: ['threats'], message: 'expected a ball first, such as { norm: Linf, eps: 8/255 }: models train in it' });
  const [entry] = found;
  if (!entry) return undefined;
  const photographs =
    entry.frost === undefined ? undefined : photographsIn(resolve(folder, entry.frost), ['threats', first, 'frost'], problem);
  const names = entry.names ?? [...corruptions.map(({ name }) => name), ...(photographs ? [FROST.name] : [])];
  if (names.includes(FROST.name) && entry.frost === undefined)
    problem({ path: ['threats', first, 'names'], message: 'frost is made of photographs: expected frost, a folder with them, beside it' });
  return { names, severities: entry.severities ?? SEVERITIES, ...(photographs && { photographs }) };
}

function photographsIn(folder: string, path: Path, problem: OnProblem): SuiteCorruptions['photographs'] {
  try {
    const bytes = readPhotographs(folder);
    return { bytes, hash: sha256(bytes) };
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    problem({ path, message: error.message });
    return undefined;
  }
}
