/** What the harness checks about every attack and every model under attack, because an attack's own word is no evidence. */

import type { AttackPlugin, SaturatingLoss, Threat } from '../../attacks/attack.ts';
import { RampartError } from '../../errors.ts';
import { flag } from '../../records/flags.ts';
import type { Flag } from '../../records/record.ts';
import { norm } from '../../tensor/norms/index.ts';
import { Linf } from '../../tensor/norms/linf.ts';
import { tf } from '../../tensor/tf.ts';

/** An attack returned a point outside the box or the budget; its cell fails with `kind` in the record. */
export class BudgetError extends RampartError {
  readonly kind = 'budget';
}

/** Distance of neighbouring float32 numbers just below 1. */
export const ULP = 2 ** -24;

/**
 * How far beyond `eps` a norm may be measured when the attack did nothing wrong. Storing `x + delta` in float32 moves every
 * coordinate by up to half an ulp, and clipping to a box that was itself rounded by as much again; four such roundings are allowed,
 * and they add up over `size` coordinates as the norm adds. The sum of the norm itself is good to about 1e-5 of its value.
 * Linf at 8/255 with 3,072 pixels: 5.5e-7; L2 at 0.5: 1.8e-5; L1 at 12: 8.5e-4.
 */
export function budgetTolerance({ norm: name, eps }: Threat, size: number): number {
  return 4 * ULP * norm(name).ofOnes(size) + 1e-5 * eps;
}

/** Where a batch comes from, for the message. */
export interface Origin {
  readonly attack: string;
  readonly ids: Int32Array;
}

/**
 * Distance of every point `[n]` from its image, in the norm of the threat, after checking that `adversarial` has the shape of `x`,
 * lies in [0,1] and within the budget. Throws a `BudgetError` that names attack, example, norm, expected and got.
 */
export async function checkBudget(adversarial: tf.Tensor4D, x: tf.Tensor4D, threat: Threat, origin: Origin): Promise<Float32Array> {
  const fail = (what: string) => new BudgetError(`[attack ${origin.attack}] ${what}`);
  if (adversarial.shape.join() !== x.shape.join())
    throw fail(`expected points of shape [${x.shape.join(', ')}], got [${adversarial.shape.join(', ')}]`);
  if (x.shape[0] === 0) return new Float32Array(0);
  const n = x.shape[0];
  const { distances, low: lows, high: highs } = await measured(adversarial, x, threat);
  const limit = threat.eps + budgetTolerance(threat, x.size / n);
  for (let i = 0; i < n; i++) {
    const distance = distances[i] as number;
    const [low, high] = [lows[i] as number, highs[i] as number];
    // negated, so that NaN fails too
    if (!(distance <= limit)) throw fail(`example ${origin.ids[i]}: expected ${threat.norm} distance <= ${threat.eps}, got ${distance}`);
    if (!isInBox(low, high)) throw fail(`example ${origin.ids[i]}: expected pixels in [0,1], got [${low}, ${high}]`);
  }
  return distances;
}

/** Of points `[n,h,w,c]`: the distance of each from its image in `x`, and its least and largest value, each `[n]`. */
export async function measured(
  points: tf.Tensor4D,
  x: tf.Tensor4D,
  threat: Pick<Threat, 'norm'>,
): Promise<{ distances: Float32Array; low: Float32Array; high: Float32Array }> {
  const n = x.shape[0];
  const summary = tf.tidy(() => {
    const flat = points.reshape([n, -1]);
    return tf.stack([norm(threat.norm).size(tf.sub(points, x)), flat.min(1), flat.max(1)]);
  });
  const values = (await summary.data()) as Float32Array;
  summary.dispose();
  return { distances: values.slice(0, n), low: values.slice(n, 2 * n), high: values.slice(2 * n) };
}

/** Whether values from `low` to `high` are those of an image; negated, NaN fails too. */
export const isInBox = (low: number, high: number): boolean => low >= -ULP && high <= 1 + ULP;

/** Counts what `run` leaves allocated beyond the `kept` tensors that it returns on purpose. */
export async function leakedTensors<T>(kept: number, run: () => Promise<T>): Promise<{ value: T; leaked: number }> {
  const before = tf.memory().numTensors;
  const value = await run();
  return { value, leaked: tf.memory().numTensors - before - kept };
}

/** Flags of AutoAttack's own checks (Croce and Hein 2020, `checks.py`) that the clean logits of a batch can show. */
export async function logitFlags(logits: tf.Tensor2D): Promise<Flag[]> {
  const summary = tf.tidy(() => tf.stack([logits.min(), logits.max(), logits.sum(1).sub(1).abs().max()]));
  const [low, high, off] = await summary.data();
  summary.dispose();
  if ((low as number) > -1e-5 && (high as number) < 1 + 1e-5 && (off as number) < 1e-5)
    return [flag('probabilities', 'the classifier returns a probability distribution; attacks need the logits before the softmax')];
  return [];
}

/** Images whose input gradient is zero in every pixel, for the margin of the logits: `grad` is `[n,h,w,c]`. */
export async function gradientFlags(grad: tf.Tensor4D): Promise<Flag[]> {
  const zeros = tf.tidy(() => Linf.size(grad).equal(0).cast('float32').sum());
  const [count] = await zeros.data();
  zeros.dispose();
  if (count === 0) return [];
  const detail = `the margin of the logits has no gradient on ${count} of the first ${grad.shape[0]} images: gradient attacks are blind there`;
  return [flag('zero-gradient', detail)];
}

/**
 * Images on which a loss has no gradient in any pixel, though the margin of the logits has one. One is enough: the loss vanishes in float32 from
 * gaps of some 100 between the logits on, which a trained network does not reach unless its logits are scaled.
 */
export function saturationFlags(loss: SaturatingLoss, zero: readonly boolean[], marginZero: readonly boolean[]): Flag[] {
  const blind = zero.filter((z, i) => z && !marginZero[i]).length;
  if (blind === 0) return [];
  const detail = `the ${loss} has no gradient on ${blind} of the first ${zero.length} images, though the margin of the logits has one: attacks that climb it are blind there`;
  return [flag('saturated-loss', detail)];
}

/** What a member of an ensemble did, and what it may ask. */
export interface MemberOutcome {
  readonly attack: string;
  readonly access: AttackPlugin['access'];
  readonly entered: number;
  readonly left: number;
}

/** An attack that asks for no gradient and breaks what gradient attacks before it left says that gradients mislead (more than 0.2 points of accuracy). */
export function queryFlags(members: readonly MemberOutcome[], n: number): Flag[] {
  const gradient = members.findIndex((m) => m.access === 'gradient');
  if (gradient < 0) return [];
  const asksLess = ({ access }: { access: string }) => access === 'scores' || access === 'decision';
  const found = members.slice(gradient + 1).find((m) => asksLess(m) && (m.entered - m.left) / n > 0.002);
  if (!found) return [];
  const detail = `${found.attack} broke ${found.entered - found.left} points that the gradient attacks before it left; gradients may be masked`;
  return [flag('queries-beat-gradients', detail)];
}

/** Members of an ensemble that `classes` are too few for, by their labels: `all` those for many classes, `run` those that ran. */
export function classFlags(all: readonly string[], run: readonly string[], classes: number): Flag[] {
  const left = all.filter((label) => !run.includes(label));
  if (left.length === 0) return [];
  return [flag('few-classes', `${left.join(', ')} left out: ${classes} classes are too few for the loss`)];
}
