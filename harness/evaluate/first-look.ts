/** The flags that a classifier shows before it is attacked, in its answers to the first images that are still right. */
import type { Batch, SaturatingLoss, Target } from '../../attacks/attack.ts';
import type { Member } from '../../attacks/members.ts';
import { crossEntropy, margin, probabilityMargin } from '../../attacks/parts/losses.ts';
import { flag } from '../../records/flags.ts';
import type { Flag } from '../../records/record.ts';
import { Linf } from '../../tensor/norms/linf.ts';
import { tf } from '../../tensor/tf.ts';
import { gradientFlags, logitFlags, saturationFlags } from './checks.ts';
import type { EvaluationInput } from './evaluation.ts';
import { batchOf, chunks, RANDOMIZED_DRAWS } from './predict.ts';

/** So many images are looked at. */
const FIRST_IMAGES = 64;

const LOSSES = { 'cross-entropy': crossEntropy, 'probability margin': probabilityMargin } satisfies Record<SaturatingLoss, unknown>;

/** What one batch has shown; the tensors are the caller's. */
interface Seen {
  readonly logits: tf.Tensor2D;
  /** Of the margin of the logits, where gradients are asked for. */
  readonly grad?: tf.Tensor4D;
  /** The images without a gradient, of that margin and of each loss. */
  readonly zero: ReadonlyMap<'margin' | SaturatingLoss, readonly boolean[]>;
}

/** `targetOf` makes the target of a batch, whose random numbers are those of looking for flags. */
export async function firstFlags(
  input: EvaluationInput,
  robust: readonly string[],
  members: readonly Member[],
  targetOf: (batch: Batch) => Target,
): Promise<Flag[]> {
  const first = robust.flatMap((r, id) => (r === '1' ? [id] : [])).slice(0, FIRST_IMAGES);
  if (first.length === 0) return [];
  const gradients = input.classifier.classes > 1 && members.some((m) => m.plugin.access === 'gradient');
  const losses = [...new Set(members.flatMap(({ plugin, params }) => plugin.saturates?.(params) ?? []))];
  const seen: Seen[] = [];
  for (const ids of chunks(first, input.batchSize)) {
    const batch = await batchOf(input.data, ids);
    const target = targetOf(batch);
    seen.push(gradients ? await gradientsOf(target, batch, losses) : { logits: target.logits(batch.x), zero: new Map() });
    target.settle();
    tf.dispose([batch.x, batch.y]);
  }
  const flags: Flag[] = [];
  const logits = tf.concat(seen.map((s) => s.logits));
  if (input.classifier.access !== 'decision') flags.push(...(await logitFlags(logits)));
  if (gradients) {
    const grad = tf.concat(seen.map((s) => s.grad as tf.Tensor4D));
    flags.push(...(await gradientFlags(grad)));
    grad.dispose();
    const zeroOf = (loss: 'margin' | SaturatingLoss) => seen.flatMap(({ zero }) => zero.get(loss) ?? []);
    for (const loss of losses) flags.push(...saturationFlags(loss, zeroOf(loss), zeroOf('margin')));
  }
  tf.dispose([logits, ...seen.flatMap((s) => [s.logits, ...(s.grad ? [s.grad] : [])])]);
  const averaged = members.some(({ plugin, params }) => plugin.averages?.(params));
  if (input.classifier.randomized && !averaged)
    flags.push(
      flag(
        'randomized',
        `the classifier is random and the attack does not average over it (autoattack has the version "rand"); success is judged on the mean of ${RANDOMIZED_DRAWS} answers`,
      ),
    );
  return flags;
}

/** One forward and one backward pass for the margin, and for each loss. */
async function gradientsOf(target: Target, { x, y }: Batch, losses: readonly SaturatingLoss[]): Promise<Seen> {
  const zero = new Map<'margin' | SaturatingLoss, boolean[]>();
  const { loss, logits, grad } = target.gradient(x, margin(y));
  loss.dispose();
  zero.set('margin', await zeroRows(grad));
  for (const name of losses) {
    const own = target.gradient(x, LOSSES[name](y));
    zero.set(name, await zeroRows(own.grad));
    tf.dispose([own.loss, own.logits, own.grad]);
  }
  return { logits, grad, zero };
}

/** Which rows of `grad` are zero in every pixel. */
async function zeroRows(grad: tf.Tensor4D): Promise<boolean[]> {
  const sizes = Linf.size(grad);
  const values = await sizes.data();
  sizes.dispose();
  return Array.from(values, (size) => size === 0);
}
