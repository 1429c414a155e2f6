/** Gradients of every loss that attacks climb, and how finely the logits tell two points apart. */
import type { z } from 'zod';
import type { Batch, Loss, Target } from '../../attacks/attack.ts';
import { dlr } from '../../attacks/parts/dlr.ts';
import { crossEntropy, margin, probabilityMargin } from '../../attacks/parts/losses.ts';
import type { gradientsSchema, LossMeasured } from '../../records/masking/diagnosis.ts';
import { Linf } from '../../tensor/norms/linf.ts';
import { tf } from '../../tensor/tf.ts';
import { all, type Found, onBatches, type Patient, rounded } from './subject.ts';

const LOSSES: readonly { readonly name: LossMeasured; readonly classes: number; of(y: tf.Tensor1D): Loss }[] = [
  { name: 'margin', classes: 2, of: margin },
  { name: 'cross-entropy', classes: 2, of: crossEntropy },
  { name: 'probability margin', classes: 2, of: probabilityMargin },
  { name: 'difference of logits ratio', classes: 3, of: dlr },
];

/** Of the margin's gradient: where the others have this probability, float32 has lost the right class's part of cross-entropy and soon its loss. */
const VANISHING = 1e-12;

interface Seen {
  /** Whether this answer is right: a random model may err, and beyond the boundary some losses are constant. */
  readonly right: readonly boolean[];
  /** By loss, the largest value of each image's gradient. */
  readonly sizes: ReadonlyMap<LossMeasured, Float32Array>;
  readonly resolutions: readonly number[];
}

export async function measureGradients(patient: Patient): Promise<Found<z.infer<typeof gradientsSchema>>> {
  const { value: seen, passes } = await onBatches(patient, 'gradients', all(patient), lookAt);
  const of = (loss: LossMeasured) => seen.flatMap(({ sizes }) => [...(sizes.get(loss) ?? [])]);
  const right = seen.flatMap((s) => s.right);
  const losses: z.infer<typeof gradientsSchema>['losses'] = {};
  for (const { name, classes } of LOSSES) {
    if (patient.classifier.classes < classes) continue;
    const sizes = of(name).filter((_, i) => right[i]);
    const margins = of('margin').filter((_, i) => right[i]);
    const vanishing = sizes.filter((size, i) => size > 0 && size < VANISHING * (margins[i] as number)).length;
    losses[name] = { zero: sizes.filter((size) => size === 0).length, vanishing };
  }
  return { value: { losses, resolution: rounded(median(seen.flatMap(({ resolutions }) => resolutions))) }, passes };
}

/** One forward pass, and a backward pass for each loss. */
async function lookAt({ x, y }: Batch, target: Target): Promise<Seen> {
  const lin = target.linearize(x);
  const sizes = new Map<LossMeasured, Float32Array>();
  try {
    for (const { name, classes, of } of LOSSES) {
      if (target.classes < classes) continue;
      const size = tf.tidy(() => {
        const loss = of(y);
        const grad = lin.pullback(tf.grad((z: tf.Tensor) => loss(z as tf.Tensor2D).sum())(lin.logits) as tf.Tensor2D);
        return Linf.size(grad);
      });
      sizes.set(name, (await size.data()) as Float32Array);
      size.dispose();
    }
    const margins = tf.tidy(() => margin(y)(lin.logits));
    const right = Array.from(await margins.data(), (value) => value <= 0);
    margins.dispose();
    return { right, sizes, resolutions: await resolutionsOf(lin.logits) };
  } finally {
    lin.dispose();
  }
}

/** Of every image, how far neighbouring float32 numbers lie apart at its largest logit, over the range of its logits; 1 where that is none. */
async function resolutionsOf(logits: tf.Tensor2D): Promise<number[]> {
  const summary = tf.tidy(() => tf.stack([logits.abs().max(1), logits.max(1).sub(logits.min(1))]));
  const [largest, range] = (await summary.array()) as [number[], number[]];
  summary.dispose();
  return largest.map((size, i) => {
    const ulp = size === 0 ? 0 : 2 ** (Math.floor(Math.log2(size)) - 23);
    return (range[i] as number) > 0 ? ulp / (range[i] as number) : 1;
  });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
