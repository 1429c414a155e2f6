/** Rates of several rounds beside a peer's, as lines of a table. */
import { median, type Rates, type Task } from '../rates.ts';

const WIDTH = 14;

/** The columns of `rowsOf`. */
export function titles(modes: readonly string[]): string[] {
  return [
    'step'.padEnd(11),
    'ours'.padStart(9),
    ...modes.map((mode) => mode.padStart(WIDTH)),
    ...(modes.length > 0 ? ['ratio'.padStart(6)] : []),
  ];
}

/**
 * The median over rounds of ours over the best of the peer's modes: the best by its median, so that it is the same mode in every round.
 * Undefined where no mode of the peer ran.
 */
export function ratioOf(task: Task, ours: readonly Rates[], peers: ReadonlyMap<string, readonly Rates[]>): number | undefined {
  const ran = [...peers.values()].filter((rounds) => rounds.length > 0 && rounds.every((rates) => rates[task] !== undefined));
  const middle = (rounds: readonly Rates[]) => median(rounds.map((rates) => rates[task] as number));
  const best = ran.sort((a, b) => middle(b) - middle(a))[0];
  return best && median(ours.map((rates, round) => (rates[task] as number) / (best[round]?.[task] as number)));
}

/** For each task: its name, our median, the peer's of each mode, and the ratio to the best of these. */
export function rowsOf(tasks: readonly Task[], ours: readonly Rates[], peers: ReadonlyMap<string, readonly Rates[]>): string[][] {
  const middle = (rounds: readonly Rates[], task: Task) => {
    const rates = rounds.map((r) => r[task]).filter((r) => r !== undefined);
    return rates.length === 0 ? '-' : median(rates).toFixed(1);
  };
  return tasks.map((task) => [
    task.padEnd(11),
    middle(ours, task).padStart(9),
    ...[...peers.values()].map((rounds) => middle(rounds, task).padStart(WIDTH)),
    ...(peers.size > 0 ? [(ratioOf(task, ours, peers)?.toFixed(2) ?? '-').padStart(6)] : []),
  ]);
}
