/** What a board compares: defenses, each with the seeds that it was trained at inside. */
import { mean, standardDeviation } from '../../../records/stats.ts';
import type { DefenseRow, Row } from '../view.ts';
import { compareDefenses, type DefensePair, type SeedOutcomes } from './compare.ts';
import { accuracyInterval, componentsOf } from './components.ts';

/** The name that the seeds of a configuration share. */
export function nameWithoutSeed(name: string): string {
  const seed = /[([]?seed \d+[)\]]?/i.exec(name);
  if (!seed) return name.trim() || name;
  return `${name.slice(0, seed.index).trimEnd()}${name.slice(seed.index + seed[0].length)}`.trim() || name;
}

/** The first ranked training of each seed, by seed. */
function oneBySeed(rows: readonly Row[]): Row[] {
  const seeds = new Map<number, Row>();
  for (const row of rows) if (!seeds.has(row.model.record.seed)) seeds.set(row.model.record.seed, row);
  return [...seeds.values()].sort((a, b) => a.model.record.seed - b.model.record.seed);
}

type Draft = Omit<DefenseRow, 'rank'>;

function draftOf(ranked: readonly Row[]): Draft {
  const rows = oneBySeed(ranked);
  const first = rows[0] as Row;
  const outcomes = rows.map((r) => Int8Array.from(r.worst?.outcomes ?? '', (c) => (c === '1' ? 1 : 0)));
  const components = componentsOf(outcomes);
  const accuracies = rows.map((r) => r.worst?.accuracy ?? 0);
  const meanOf = (value: (row: Row) => number | undefined) => {
    const values = rows.flatMap((r) => value(r) ?? []);
    return values.length === rows.length ? mean(values) : undefined;
  };
  return {
    name: rows.length > 1 ? nameWithoutSeed(first.model.name) : first.model.name,
    rows,
    accuracy: components.mean,
    interval: accuracyInterval(components),
    n: components.images,
    seeds:
      rows.length > 1 ? { deviation: standardDeviation(accuracies), range: [Math.min(...accuracies), Math.max(...accuracies)] } : undefined,
    clean: meanOf((r) => r.worst?.clean),
    ratio: meanOf((r) => r.ratio?.passes),
  };
}

const outcomesOf = ({ rows }: Draft): SeedOutcomes => new Map(rows.map((r) => [r.model.record.seed, r.worst?.outcomes ?? '']));

/** Of the ranked rows of a board, which rest on the same images. By accuracy, the highest first. */
export function defensesOf(rows: readonly Row[]): { defenses: DefenseRow[]; pairs: DefensePair[] } {
  const groups = new Map<unknown, Row[]>();
  for (const row of rows.filter((r) => r.rank && r.worst)) groups.set(row.model.siblings, [...(groups.get(row.model.siblings) ?? []), row]);
  const drafts = [...groups.values()].map(draftOf).sort((a, b) => b.accuracy - a.accuracy || (a.name < b.name ? -1 : 1));
  const { pairs, ranks } = compareDefenses(drafts.map(outcomesOf));
  return { defenses: drafts.map((draft, i) => ({ ...draft, rank: ranks[i] as DefenseRow['rank'] })), pairs };
}

/** Whether seeds are compared at all: some defense was trained at several. */
export const hasSeeds = (defenses: readonly DefenseRow[]) => defenses.some(({ rows }) => rows.length > 1);

/** The two of the pair of rows `i` and `j`, and the pair as row `i` minus row `j`. */
export function pairOf(pairs: readonly DefensePair[], i: number, j: number): DefensePair | undefined {
  const pair = pairs.find((p) => (p.i === i && p.j === j) || (p.i === j && p.j === i));
  if (!pair || pair.i === i) return pair;
  const [low, high] = pair.interval;
  return { ...pair, i, j, difference: -pair.difference, interval: [-high, -low] };
}
