/** A long series of disturbed runs that goes on where it was stopped: one line of a log for each run, and what they come to together. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Watched } from './watched.ts';

/** One run, with what was done to it. */
export interface Round {
  readonly series: string;
  readonly round: number;
  readonly faults: readonly string[];
  readonly seconds: number;
  /** As `Watched` has them. */
  readonly stages: number;
  readonly again: number;
  /** Why its records are not those of the undisturbed run, or what else went wrong. */
  readonly wrong?: string;
}

export interface Series {
  readonly name: string;
  /** Faults in all. */
  readonly faults: number;
}

/** Rounds that a log has and that went well. Without `RAMPART_CHAOS_LOG` nothing is kept. */
function roundsOf(name: string): Round[] {
  const file = process.env.RAMPART_CHAOS_LOG;
  if (file === undefined || !existsSync(file)) return [];
  const all = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Round);
  return all.filter(({ series, wrong }) => series === name && wrong === undefined);
}

/** Runs rounds until there were so many faults, or `RAMPART_CHAOS_MINUTES` are over. Throws what a round has wrong, after it is in the log. */
export async function runSeries({ name, faults }: Series, run: (round: number, most: number) => Promise<Omit<Round, 'series' | 'round'>>) {
  const rounds = roundsOf(name);
  const end = Date.now() + 60_000 * Number(process.env.RAMPART_CHAOS_MINUTES ?? Number.POSITIVE_INFINITY);
  const count = () => rounds.reduce((sum, round) => sum + round.faults.length, 0);
  for (let round = rounds.length; count() < faults && Date.now() < end; round++) {
    const made: Round = { series: name, round, ...(await run(round, faults - count())) };
    keep(made);
    if (made.wrong !== undefined) throw new Error(`${name} ${round}, ${made.faults.join(', ')}: ${made.wrong}`);
    rounds.push(made);
  }
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const [stages, again] = [sum((r) => r.stages), sum((r) => r.again)];
  console.log(
    `${name}: ${rounds.length} runs with ${count()} faults in ${sum((r) => r.seconds).toFixed(0)} s, all with the records of the undisturbed run; ` +
      `of ${stages.toFixed(0)} stages ${again.toFixed(1)} were done again, ${((100 * again) / stages).toFixed(1)} %, ${(again / count()).toFixed(2)} for each fault`,
  );
}

function keep(round: Round): void {
  const file = process.env.RAMPART_CHAOS_LOG;
  if (file === undefined) return;
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(round)}\n`);
}

/** What a run that was disturbed must be. */
export function verdict(ended: { code: number | null; output: string }, records: string, expected: string, { atOnce }: Watched) {
  if (ended.code !== 0) return `it ended with ${ended.code}: ${ended.output}`;
  if (records !== expected) return `other records; ${ended.output}`;
  if (atOnce.length > 0) return `two did the same job at once: ${atOnce.slice(0, 3).join('; ')}`;
  return undefined;
}
