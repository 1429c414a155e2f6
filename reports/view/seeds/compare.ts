/** Every pair of defenses, paired by seed and by image, with Holm's correction over all pairs, and the ranks that this leaves open. */
import { holm, mcnemar } from '../../../records/stats.ts';
import type { Rank } from '../ranking.ts';
import { type Components, componentsOf, halfWidth, pValueOf } from './components.ts';
import { moderated } from './moderate.ts';

/** The family-wise error of all comparisons of one board. */
const LEVEL = 0.05;

/** Outcomes of a defense by seed: `1` for an image that is right, the same images in the same order everywhere. */
export type SeedOutcomes = ReadonlyMap<number, string>;

/** Defense `i` minus defense `j`, in accuracy. */
export interface DefensePair {
  readonly i: number;
  readonly j: number;
  /** How many pairs of seeds it rests on; over one, only images are covered. */
  readonly seeds: number;
  readonly difference: number;
  readonly interval: [number, number];
  readonly p: number;
  /** After Holm's correction over all pairs. */
  readonly adjusted: number;
}

export const differs = (pair: DefensePair) => pair.adjusted <= LEVEL;

/** Seeds of both, equal ones beside each other; the others in order, which pairs nothing but is as good as any order of independent draws. */
function pairedSeeds(a: SeedOutcomes, b: SeedOutcomes): [string, string][] {
  const both = [...a.keys()].filter((seed) => b.has(seed));
  const others = (of: SeedOutcomes) => [...of].flatMap(([seed, outcomes]) => (both.includes(seed) ? [] : [outcomes]));
  const [restA, restB] = [others(a), others(b)];
  const rest = restA.slice(0, restB.length).map((outcomes, k): [string, string] => [outcomes, restB[k] as string]);
  return [...both.map((seed): [string, string] => [a.get(seed) as string, b.get(seed) as string]), ...rest];
}

/** 1 where only `a` is right, -1 where only `b` is. */
function minus(a: string, b: string): Int8Array {
  const out = new Int8Array(a.length);
  for (let i = 0; i < out.length; i++) out[i] = a.charCodeAt(i) - b.charCodeAt(i);
  return out;
}

/** Of one seed against one: an exact McNemar test of their images. */
function exact(differences: Int8Array): number {
  return mcnemar(differences.filter((d) => d > 0).length, differences.filter((d) => d < 0).length);
}

/** Differences of all pairs; `defenses` have outcomes of the same images. */
export function compareDefenses(defenses: readonly SeedOutcomes[]): { pairs: DefensePair[]; ranks: Rank[] } {
  const found = defenses.flatMap((a, i) =>
    defenses.slice(i + 1).map((b, offset) => {
      const differences = pairedSeeds(a, b).map((both) => minus(...both));
      return { i, j: i + 1 + offset, differences, own: componentsOf(differences) };
    }),
  );
  const variances = moderated(found.map(({ own }) => ({ value: own.bySeeds, freedom: own.freedom })));
  const tests = found.map(({ i, j, differences, own }, k) => {
    const { value, freedom } = variances[k] as (typeof variances)[number];
    const shared: Components = { ...own, bySeeds: value, freedom };
    const half = halfWidth(shared);
    // a test among many takes no variance to be less than its own data say
    const tested = { ...shared, bySeeds: Math.max(value, own.bySeeds) };
    const p = differences.length === 1 ? exact(differences[0] as Int8Array) : pValueOf(tested);
    const interval: [number, number] = [Math.max(-1, own.mean - half), Math.min(1, own.mean + half)];
    return { i, j, seeds: differences.length, difference: own.mean, interval, p };
  });
  const adjusted = holm(tests.map(({ p }) => p));
  const pairs = tests.map((test, k) => ({ ...test, adjusted: adjusted[k] as number }));
  return { pairs, ranks: ranksOf(pairs, defenses.length) };
}

function ranksOf(pairs: readonly DefensePair[], defenses: number): Rank[] {
  const open = pairs.filter(differs).map(({ i, j, difference }) => (difference > 0 ? { winner: i, loser: j } : { winner: j, loser: i }));
  return Array.from({ length: defenses }, (_, k) => ({
    best: 1 + open.filter(({ loser }) => loser === k).length,
    worst: defenses - open.filter(({ winner }) => winner === k).length,
  }));
}
