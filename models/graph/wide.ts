/** What the families of wide residual networks share: depth and width, names that say both, and the stages (Zagoruyko and Komodakis 2016, arXiv 1605.07146). */
import { z } from 'zod';
import type { NodeId } from './graph.ts';

/** Members of a strict object of parameters. */
export const wideParams = {
  depth: z
    .number()
    .int()
    .min(10)
    .max(1000)
    .refine((d) => (d - 4) % 6 === 0, 'expected 6k + 4 layers')
    .default(28),
  widen: z.number().int().min(1).max(64).default(10),
};

interface Wide {
  readonly depth: number;
  readonly widen: number;
}

/** Depth and width, the two groups of `pattern`; undefined where the name is none of the family. */
export function parseWide(pattern: RegExp, name: string): Wide | undefined {
  const found = pattern.exec(name);
  return found ? { depth: Number(found[1]), widen: Number(found[2]) } : undefined;
}

/** Where a block stands: `stage` and `index` in it count from 0. */
export interface WideBlock {
  readonly stage: number;
  readonly index: number;
  readonly inC: number;
  readonly outC: number;
  readonly stride: 1 | 2;
}

/** Three stages of `(depth - 4) / 6` blocks with 16, 32 and 64 channels times `widen`; the second and the third halve height and width. `x` has 16 channels. */
export function wideStages(
  x: NodeId,
  { depth, widen }: Wide,
  block: (x: NodeId, at: WideBlock) => NodeId,
): { x: NodeId; channels: number } {
  let at = { x, channels: 16 };
  for (const [stage, base] of [16, 32, 64].entries())
    for (let index = 0; index < (depth - 4) / 6; index++) {
      const outC = base * widen;
      at = { x: block(at.x, { stage, index, inC: at.channels, outC, stride: index === 0 && stage > 0 ? 2 : 1 }), channels: outC };
    }
  return at;
}
