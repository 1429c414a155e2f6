/** Prints the mutation score of each folder with its Wilson interval, and the mutants that no test killed: `tsx test/mutants/score.ts [report.json]`. */
import { readFileSync } from 'node:fs';
import { wilson } from '../../records/stats.ts';

interface Mutant {
  readonly status: 'Killed' | 'Timeout' | 'Survived' | 'NoCoverage' | 'Ignored' | 'CompileError' | 'RuntimeError';
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: Position; readonly end: Position };
}

interface Position {
  readonly line: number;
  readonly column: number;
}

interface Report {
  readonly files: Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>;
}

const DEAD = ['Killed', 'Timeout'];
const ALIVE = ['Survived', 'NoCoverage'];

/** What the mutant replaces, on one line. */
function original(source: string, { start, end }: Mutant['location']): string {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  const last = lines.length - 1;
  const cut = lines.map((line, i) => line.slice(i === 0 ? start.column - 1 : 0, i === last ? end.column - 1 : undefined));
  return cut.join(' ').replace(/\s+/g, ' ');
}

const short = (text: string) => (text.length > 70 ? `${text.slice(0, 67)}...` : text);

const { files } = JSON.parse(readFileSync(process.argv[2] ?? 'build/mutants/report.json', 'utf8')) as Report;
const mutants = Object.entries(files).flatMap(([file, { source, mutants }]) => mutants.map((mutant) => ({ file, source, ...mutant })));
for (const folder of new Set(Object.keys(files).map((file) => file.split('/')[0]))) {
  const here = mutants.filter(({ file }) => file.startsWith(`${folder}/`));
  const killed = here.filter(({ status }) => DEAD.includes(status)).length;
  const alive = here.filter(({ status }) => ALIVE.includes(status));
  const n = killed + alive.length;
  const percent = wilson(killed, n).map((p) => (100 * p).toFixed(0));
  const uncovered = alive.filter(({ status }) => status === 'NoCoverage').length;
  console.log(
    `${folder}: ${((100 * killed) / n).toFixed(1)} % (${percent.join(' to ')}), ${killed} of ${n} killed, ${uncovered} reached by no test`,
  );
  for (const { file, source, location, status, mutatorName, replacement } of alive)
    console.log(
      `  ${file}:${location.start.line} ${status === 'NoCoverage' ? '(no test) ' : ''}${mutatorName}: ${short(original(source, location))} -> ${short(replacement?.replace(/\s+/g, ' ') ?? '')}`,
    );
}
