/** An attack on one image while a reader looks on: the search is the attack's own, the budget is checked and success decided as the harness does. */
import type { Attack, AttackPlugin, Batch, Target, Threat } from '../attacks/attack.ts';
import { attack as attackNamed } from '../attacks/index.ts';
import { isEnsemble } from '../attacks/members.ts';
import { answering, createTarget } from '../attacks/target.ts';
import { RampartError } from '../errors.ts';
import { checkBudget } from '../harness/evaluate/checks.ts';
import { answerOf } from '../harness/evaluate/margin.ts';
import type { Classifier } from '../models/classifier.ts';
import { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';

export interface LiveInput {
  readonly classifier: Classifier;
  /** The model's, for messages. */
  readonly name: string;
  /** `[h,w,c]` in [0,1]. */
  readonly pixels: Float32Array;
  readonly label: number;
  /** The key of the image's random numbers: its index in the test split. */
  readonly image: number;
  readonly attack: { readonly name: string; readonly params: Record<string, unknown> };
  readonly threat: Threat;
  readonly seed: string;
  readonly signal: AbortSignal;
  /** Called after every pass of the search. `point` copies the point that was asked about. */
  step(step: Step): void;
}

/** What the network said of a point of the search. */
export interface Step {
  /** Passes so far, from 1. */
  readonly pass: number;
  /** The largest other logit minus that of the label: above 0 the point is misclassified. */
  readonly loss: number;
  readonly probabilities: Float32Array;
  point(): Float32Array;
}

export interface LiveResult {
  /** `wrong`: without any attack. */
  readonly outcome: 'broken' | 'robust' | 'wrong';
  /** `[h,w,c]`: what the attack returned. */
  readonly point: Float32Array;
  /** In the norm of the threat, checked against the radius. */
  readonly distance: number;
  readonly prediction: number;
  readonly margin: number;
  readonly probabilities: Float32Array;
  readonly passes: { readonly forward: number; readonly backward: number };
}

/** The plug-in and the attack. Throws where there is no such attack, where its parameters do not fit, or where it is for other norms. */
function attackOf({ attack: { name, params }, threat }: LiveInput): { plugin: AttackPlugin; attack: Attack } {
  const plugin = attackNamed(name);
  if (isEnsemble(plugin)) throw new RampartError(`[attack ${name}] is several attacks: choose one`);
  if (!plugin.norms.includes(threat.norm))
    throw new RampartError(`[attack ${name}] expected a norm of ${plugin.norms.join(', ')}, got ${threat.norm}`);
  const parsed = plugin.params.safeParse(params);
  const [issue] = parsed.error?.issues ?? [];
  if (!parsed.success) throw new RampartError(`[attack ${name}] ${issue?.path.join('.') || 'parameters'}: ${issue?.message}`);
  return { plugin, attack: plugin.create(parsed.data) };
}

/** Probabilities of one row of logits. */
function softmax(logits: Float32Array): Float32Array {
  const most = Math.max(...logits);
  const powers = logits.map((v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((v) => v / sum);
}

/** `target`, with every pass of the search told. Of a pass with several attempts the first is shown. */
function watched(target: Target, { classifier, label, step }: LiveInput): Target {
  let pass = 0;
  const tell = (x: tf.Tensor4D, logits: tf.Tensor2D) => {
    const first = (logits.dataSync() as Float32Array).slice(0, target.classes);
    const point = () => (x.dataSync() as Float32Array).slice(0, x.size / x.shape[0]);
    step({ pass: ++pass, loss: -answerOf(first, label).margin, probabilities: softmax(first), point });
  };
  return answering(target, {
    logits(x, whose) {
      const logits = target.logits(x, whose);
      tell(x, logits);
      return logits;
    },
    decisions(x, whose) {
      // what is shown of it is a look of our own, which the search does not get
      const logits = classifier.logits(x);
      tell(x, logits);
      logits.dispose();
      return target.decisions(x, whose);
    },
    gradient(x, loss, whose) {
      const found = target.gradient(x, loss, whose);
      tell(x, found.logits);
      return found;
    },
    linearize(x, whose) {
      const kept = target.linearize(x, whose);
      tell(x, kept.logits);
      return kept;
    },
  });
}

/** Attacks the image. Random numbers are those that `evaluate` of the harness has for this seed, attack and image. Throws a `BudgetError` where the attack left box or budget. */
export async function attackLive(input: LiveInput): Promise<LiveResult> {
  const { classifier, name, pixels, label, image, threat, seed, signal } = input;
  const { plugin, attack } = attackOf(input);
  const x = tf.tensor4d(pixels, [1, ...classifier.inputShape]);
  const batch: Batch = { x, y: tf.tensor1d([label], 'int32'), labels: Int32Array.of(label), ids: Int32Array.of(image) };
  try {
    const before = await said(classifier, name, x, label);
    if (before.prediction !== label)
      return { outcome: 'wrong', point: pixels, distance: 0, ...before, passes: { forward: 0, backward: 0 } };
    const target = createTarget(classifier, name, undefined, plugin.access);
    const found = await attack.perturb(batch, watched(target, input), threat, {
      rng: new Rng(seed).fork(plugin.name),
      signal,
      batchSize: 1,
      sources: new Map(),
      inOrder: true,
    });
    try {
      const [distance] = await checkBudget(found, x, threat, { attack: plugin.name, ids: batch.ids });
      const after = await said(classifier, name, found, label);
      const { forward, backward } = target.passes;
      return {
        outcome: after.prediction === label ? 'robust' : 'broken',
        point: Float32Array.from(await found.data()),
        distance: distance as number,
        ...after,
        passes: { forward, backward },
      };
    } finally {
      found.dispose();
    }
  } finally {
    tf.dispose([x, batch.y]);
  }
}

/** What the network says of one image, by a pass that is nobody's but the harness's. */
async function said(classifier: Classifier, name: string, x: tf.Tensor4D, label: number) {
  const logits = createTarget(classifier, name).logits(x);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  const { prediction, margin } = answerOf(values, label);
  return { prediction, margin, probabilities: softmax(values) };
}
