/** Ranks that the data can carry: paired tests between all models of a board, Holm-corrected, with ties where no test separates. */
import { holm, mcnemar } from '../../records/stats.ts';

/** The family-wise error of all comparisons of one board. */
export const LEVEL = 0.05;

/** Outcomes of one model: one character per example, `1` where every counted attack left it classified right. */
export interface Contender {
  readonly outcomes: string;
}

/** Model `i` against model `j` on the examples that both have. */
export interface Pair {
  readonly i: number;
  readonly j: number;
  readonly n: number;
  /** Examples that only `i` gets right, and that only `j` does. */
  readonly onlyI: number;
  readonly onlyJ: number;
  /** Exact two-sided McNemar p-value, and the same after Holm's correction over all pairs of the board. */
  readonly p: number;
  readonly adjusted: number;
}

export interface Ranking {
  /** 1 + the number of models that are significantly better: equal ranks are ties. */
  readonly ranks: number[];
  readonly pairs: Pair[];
}

interface Packed {
  readonly bits: Uint32Array;
  readonly n: number;
}

function pack(outcomes: string): Packed {
  const bits = new Uint32Array(Math.ceil(outcomes.length / 32));
  for (let i = 0; i < outcomes.length; i++) {
    if (outcomes.charCodeAt(i) === 49) bits[i >>> 5] = (bits[i >>> 5] as number) | (1 << (i & 31));
  }
  return { bits, n: outcomes.length };
}

function popcount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Examples among the first `n` that are right in `a` and wrong in `b`. */
function discordant(a: Packed, b: Packed, n: number): number {
  let count = 0;
  const words = n >>> 5;
  for (let w = 0; w < words; w++) count += popcount((a.bits[w] as number) & ~(b.bits[w] as number));
  const rest = n & 31;
  if (rest > 0) count += popcount((a.bits[words] as number) & ~(b.bits[words] as number) & ((1 << rest) - 1));
  return count;
}

/** Tests every pair and ranks: O(models squared x examples / 32). */
export function rank(contenders: readonly Contender[]): Ranking {
  const packed = contenders.map((c) => pack(c.outcomes));
  const raw: Omit<Pair, 'adjusted'>[] = [];
  for (const [i, a] of packed.entries()) {
    for (const [offset, b] of packed.slice(i + 1).entries()) {
      const n = Math.min(a.n, b.n);
      const onlyI = discordant(a, b, n);
      const onlyJ = discordant(b, a, n);
      raw.push({ i, j: i + 1 + offset, n, onlyI, onlyJ, p: mcnemar(onlyI, onlyJ).exact });
    }
  }
  const adjusted = holm(raw.map((r) => r.p));
  const pairs = raw.map((r, k) => ({ ...r, adjusted: adjusted[k] as number }));
  const ranks = contenders.map(() => 1);
  for (const pair of pairs) {
    if (pair.adjusted > LEVEL) continue;
    const worse = pair.onlyI > pair.onlyJ ? pair.j : pair.i;
    ranks[worse] = (ranks[worse] as number) + 1;
  }
  return { ranks, pairs };
}
