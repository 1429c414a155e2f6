/** The threats of a suite: balls, and after them what happens to images without an attacker. */
import { SEVERITIES } from '../../corruptions/corruption.ts';
import { corruptions } from '../../corruptions/index.ts';
import type { BallEntry, CorruptionsEntry, SuiteFile } from './schema.ts';
import type { Problem } from './source/problems.ts';
import type { Suite, SuiteCorruptions, SuiteThreat } from './suite.ts';

type Entries = SuiteFile['threats'];

/** The entries that are balls. */
export const ballsOf = (entries: Entries): BallEntry[] => entries.filter((entry): entry is BallEntry => entry.kind !== 'corruptions');

type OnProblem = (problem: Problem) => void;

/** `problem` is told of what does not go together. */
export function readThreats(entries: Entries, problem: OnProblem): Pick<Suite, 'threats' | 'corruptions'> {
  return { threats: readBalls(entries, problem), corruptions: readCorruptions(entries, problem) };
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
function readCorruptions(entries: Entries, problem: OnProblem): SuiteCorruptions | undefined {
  const found = entries.filter((entry): entry is CorruptionsEntry => entry.kind === 'corruptions');
  const first = entries.findIndex(({ kind }) => kind === 'corruptions');
  if (first >= 0 && first < entries.length - 1)
    problem({ path: ['threats', first], message: 'expected corruptions once, after all balls' });
  else if (first === 0)
    problem({ path: ['threats'], message: 'expected a ball first, such as { norm: Linf, eps: 8/255 }: models train in it' });
  const [entry] = found;
  return entry && { names: entry.names ?? corruptions.map(({ name }) => name), severities: entry.severities ?? SEVERITIES };
}
