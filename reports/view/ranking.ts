/** Ranks that the data can carry: paired tests between all models of a board, Holm-corrected, and the ranks that they leave open. */
import { RampartError } from '../../errors.ts';
import { holm, mcnemar } from '../../records/stats.ts';

/** The family-wise error of all comparisons of one board. */
const LEVEL = 0.05;

/** Model `i` against model `j` on the images that both are ranked on. */
export interface Pair {
  readonly i: number;
  readonly j: number;
  readonly n: number;
  /** Images that only `i` gets right, and that only `j` does. */
  readonly onlyI: number;
  readonly onlyJ: number;
  /** Exact two-sided McNemar p-value, and the same after Holm's correction over all pairs of the board. */
  readonly p: number;
  readonly adjusted: number;
}

/** Places that a model may have: from 1 + the number of models that are significantly better to the number of models minus those that are significantly worse. */
export interface Rank {
  readonly best: number;
  readonly worst: number;
}

export interface Ranking {
  readonly ranks: Rank[];
  readonly pairs: Pair[];
}

/** `2`, or `1–3` where tests leave several places open. */
export const rankText = ({ best, worst }: Rank) => (best === worst ? String(best) : `${best}–${worst}`);

export const separated = (pair: Pair) => pair.adjusted <= LEVEL;

function pack(outcomes: string): Uint32Array {
  const bits = new Uint32Array(Math.ceil(outcomes.length / 32));
  for (let i = 0; i < outcomes.length; i++) {
    if (outcomes.charCodeAt(i) === 49) bits[i >>> 5] = (bits[i >>> 5] as number) | (1 << (i & 31));
  }
  return bits;
}

function popcount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Images that are right in `a` and wrong in `b`. */
function discordant(a: Uint32Array, b: Uint32Array): number {
  let count = 0;
  for (let w = 0; w < a.length; w++) count += popcount((a[w] as number) & ~(b[w] as number));
  return count;
}

/**
 * Tests every pair and ranks: O(models squared x images / 32). `outcomes` has one string per model, all of the same images in the same order,
 * `1` where every counted attack left the image classified right. Throws where their lengths differ.
 */
export function rank(outcomes: readonly string[]): Ranking {
  const n = outcomes[0]?.length ?? 0;
  const other = outcomes.find((o) => o.length !== n);
  if (other !== undefined)
    throw new RampartError(`[rank] expected outcomes of the same images for every model, got ${n} and ${other.length} images`);
  const packed = outcomes.map(pack);
  const raw: Omit<Pair, 'adjusted'>[] = [];
  for (const [i, a] of packed.entries()) {
    for (const [offset, b] of packed.slice(i + 1).entries()) {
      const [onlyI, onlyJ] = [discordant(a, b), discordant(b, a)];
      raw.push({ i, j: i + 1 + offset, n, onlyI, onlyJ, p: mcnemar(onlyI, onlyJ) });
    }
  }
  const adjusted = holm(raw.map((r) => r.p));
  const pairs = raw.map((r, k) => ({ ...r, adjusted: adjusted[k] as number }));
  return { ranks: ranksOf(pairs, outcomes.length), pairs };
}

function ranksOf(pairs: readonly Pair[], models: number): Rank[] {
  const better = new Array<number>(models).fill(0);
  const worse = new Array<number>(models).fill(0);
  for (const pair of pairs.filter(separated)) {
    const [winner, loser] = pair.onlyI > pair.onlyJ ? [pair.i, pair.j] : [pair.j, pair.i];
    better[loser] = (better[loser] as number) + 1;
    worse[winner] = (worse[winner] as number) + 1;
  }
  return better.map((count, i) => ({ best: 1 + count, worst: models - (worse[i] as number) }));
}
