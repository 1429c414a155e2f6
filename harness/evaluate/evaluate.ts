/** Robust accuracy: runs an attack or an ensemble on the examples that are still right, and decides itself what it broke. */

import type { AttackPlugin, Batch, EnsemblePlugin, Passes, Target, Threat } from '../../attacks/attack.ts';
import { margin } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import { flag } from '../../records/flags.ts';
import type { CellRecord, Flag } from '../../records/record.ts';
import type { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { checkBudget, classFlags, gradientFlags, leakedTensors, logitFlags, squareFlags } from './checks.ts';
import { isEnsemble, type Member, membersOf } from './ensemble.ts';
import { decodeState, type EvaluationState, encodeState, initialState } from './state.ts';

/** Examples 0..n-1 of a selection of test images: `n * h * w * c` bytes in NHWC order. */
export interface EvaluationData {
  readonly images: Uint8Array;
  readonly labels: Int32Array;
  /** Index in the data set's test split of each example, by which its random numbers are drawn; 0..n-1 when absent. */
  readonly indices?: readonly number[];
  readonly shape: Shape;
  readonly n: number;
}

/** What is known of the same attack on the same model at a smaller radius. */
export interface SmallerRadius {
  readonly eps: number;
  readonly robust: string;
  readonly predictions: readonly number[];
  readonly distances: readonly number[];
}

export interface EvaluationInput {
  /** Frozen for speed, if it can be. Not disposed here. */
  readonly classifier: Classifier;
  /** The model's name, for messages. */
  readonly name: string;
  readonly attack: AttackPlugin | EnsemblePlugin;
  readonly params: unknown;
  readonly threat: Threat;
  readonly data: EvaluationData;
  /** One character per example, `1` where it is classified right before the attack. */
  readonly clean: string;
  /** Predictions on the clean examples; computed for the wrong ones when absent. */
  readonly cleanPredictions?: readonly number[];
  /** Examples broken at a smaller radius are broken at this one: they are not attacked again. */
  readonly smaller?: SmallerRadius;
  /** Seeded by the cell's key. */
  readonly rng: Rng;
  readonly batchSize: number;
  readonly sources: ReadonlyMap<string, Target>;
  readonly signal: AbortSignal;
  /** How many adversarial examples to return, the first in order of index among the broken ones. */
  readonly keepExamples?: number;
  /** Examples attacked so far, examples that may have to be attacked in all members together, examples still right. */
  onProgress?(done: number, total: number, survivors: number): void;
  /** State between batches; it must belong to the same cell, which the caller's key guarantees. */
  readonly checkpoint?: { load(): Promise<Uint8Array | undefined>; save(state: Uint8Array): Promise<void> };
  /** Where an ensemble's members are looked up; the table of attacks by default. */
  lookup?(name: string): AttackPlugin | EnsemblePlugin;
}

export interface Evaluation {
  /** One character per example, `1` where it is classified right after the attack. */
  readonly robust: string;
  readonly predictions: number[];
  /** In the norm of the threat, to 6 digits; 0 where the input was returned. */
  readonly distances: number[];
  /** Of the attack alone, on the target and on the models it transfers from; the harness's own passes that decide success are not the attacker's. */
  readonly passes: Passes;
  readonly members?: CellRecord['members'];
  readonly survivors?: CellRecord['survivors'];
  readonly examples?: { ids: number[]; adversarial: Float32Array };
  readonly flags: Flag[];
}

/** Random classifiers answer differently every time: their prediction is the class with the largest probability averaged over so many answers. */
export const RANDOMIZED_DRAWS = 5;

/** Classes enough for any loss. */
const MANY = 1000;

/** An attack that fills its own batches gets this many at once: enough that its last, emptying one weighs little. */
const STREAMED_BATCHES = 8;

/** Predicted class and its probability for every example of `x`. Counts on `target`. */
async function predict(target: Target, x: tf.Tensor4D): Promise<{ predictions: Int32Array; confidences: Float32Array }> {
  const result = tf.tidy(() => {
    // one answer is judged by its logits: the probabilities of a confident model tie at 1
    const logits = target.logits(x);
    if (!target.randomized) return { predicted: logits.argMax(1), confidence: tf.softmax(logits).max(1) };
    let sum = tf.softmax(logits);
    for (let i = 1; i < RANDOMIZED_DRAWS; i++) sum = sum.add(tf.softmax(target.logits(x)));
    return { predicted: sum.argMax(1), confidence: sum.max(1).div(RANDOMIZED_DRAWS) };
  });
  const predictions = (await result.predicted.data()) as Int32Array;
  const confidences = (await result.confidence.data()) as Float32Array;
  tf.dispose([result.predicted, result.confidence]);
  return { predictions: Int32Array.from(predictions), confidences: Float32Array.from(confidences) };
}

/** The examples `ids` as tensors; the caller disposes `x` and `y`. */
function batchOf(data: EvaluationData, ids: readonly number[]): Batch {
  const [h, w, c] = data.shape;
  const size = h * w * c;
  const pixels = new Float32Array(ids.length * size);
  const labels = new Int32Array(ids.length);
  ids.forEach((id, i) => {
    for (let j = 0; j < size; j++) pixels[i * size + j] = (data.images[id * size + j] as number) / 255;
    labels[i] = data.labels[id] as number;
  });
  return {
    x: tf.tensor4d(pixels, [ids.length, h, w, c]),
    y: tf.tensor1d(labels, 'int32'),
    labels,
    ids: Int32Array.from(ids, (id) => data.indices?.[id] ?? id),
  };
}

function chunks<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

/** Predictions on the examples as they are, with the passes they took. `robust` is `1` where right. */
export async function predictClean(
  classifier: Classifier,
  name: string,
  data: EvaluationData,
  batchSize: number,
): Promise<{ robust: string; predictions: number[]; passes: Passes; confidences: number[] }> {
  const target = createTarget(classifier, name);
  classifier.reseed?.('clean');
  const predictions: number[] = [];
  const confidences: number[] = [];
  const all = Array.from({ length: data.n }, (_, i) => i);
  for (const ids of chunks(all, batchSize)) {
    const { x, y } = batchOf(data, ids);
    const answer = await predict(target, x);
    predictions.push(...answer.predictions);
    confidences.push(...answer.confidences);
    tf.dispose([x, y]);
  }
  const robust = predictions.map((p, i) => (p === data.labels[i] ? '1' : '0')).join('');
  return { robust, predictions, passes: { ...target.passes }, confidences };
}

/** The run of one evaluation: what stays the same from batch to batch. */
interface Context {
  readonly input: EvaluationInput;
  readonly state: EvaluationState;
  /** Counts the attack's passes. */
  readonly target: Target;
  /** Decides success; its passes are the harness's. */
  readonly judge: Target;
}

/**
 * Robust accuracy of `classifier` under `attack`. Examples wrong in `clean`, and those broken at a smaller radius, are never
 * attacked and count as broken. Members of an ensemble run in order on what is left, so the result is the worst case per example.
 * Every member's random numbers are `rng.fork(label)`, every example's a fork of that, so nothing depends on batches, order or resumes.
 * Throws a `BudgetError` when a point leaves box or budget, and whatever the attack throws.
 */
export async function evaluate(input: EvaluationInput): Promise<Evaluation> {
  const { data, clean, classifier } = input;
  if (clean.length !== data.n) throw new RampartError(`[evaluation] expected ${data.n} clean outcomes, got ${clean.length}`);
  const forClasses = (classes: number) => membersOf(input.attack, input.params, input.threat, classes, input.lookup?.bind(input));
  const members = forClasses(classifier.classes);
  const saved = await input.checkpoint?.load();
  const state = saved ? decodeState(saved, data.n) : initialState(clean);
  const context: Context = {
    input,
    state,
    target: createTarget(classifier, input.name),
    judge: createTarget(classifier, input.name),
  };
  if (!saved) {
    classifier.reseed?.('known');
    await settleKnown(context, members);
    const labels = (all: Member[]) => all.map((m) => m.label);
    state.flags.push(...classFlags(labels(forClasses(MANY)), labels(members), classifier.classes));
  }
  for (const member of members.slice(state.members.length - (state.queue ? 1 : 0))) await runMember(context, member, members.length);
  return resultOf(context, members);
}

/** Predictions of the examples that will not be attacked, and the flags that clean logits show. */
async function settleKnown({ input, state, judge }: Context, members: readonly Member[]): Promise<void> {
  const { data, clean, cleanPredictions, smaller } = input;
  const wrong = [...clean].flatMap((c, id) => (c === '1' ? [] : [id]));
  for (let id = 0; id < data.n; id++) state.predictions[id] = data.labels[id] as number;
  for (const ids of chunks(wrong, input.batchSize)) {
    if (cleanPredictions) {
      for (const id of ids) state.predictions[id] = cleanPredictions[id] as number;
      continue;
    }
    const { x, y } = batchOf(data, ids);
    const { predictions } = await predict(judge, x);
    ids.forEach((id, i) => {
      state.predictions[id] = predictions[i] as number;
    });
    tf.dispose([x, y]);
  }
  if (smaller) adoptSmaller(input, state, smaller);
  const first = state.robust.flatMap((r, id) => (r === '1' ? [id] : [])).slice(0, input.batchSize);
  if (first.length === 0) return;
  const { x, y } = batchOf(data, first);
  const logits = judge.logits(x);
  state.flags.push(...(await logitFlags(logits)));
  tf.dispose(logits);
  if (judge.classes > 1 && members.some((m) => m.plugin.access === 'gradient')) {
    const { loss, logits: again, grad } = judge.gradient(x, margin(y));
    state.flags.push(...(await gradientFlags(grad)));
    tf.dispose([loss, again, grad]);
  }
  tf.dispose([x, y]);
  const averaged = members.some((m) => Number((m.params as { eotIterations?: number })?.eotIterations ?? 1) > 1);
  if (judge.randomized && !averaged)
    state.flags.push(
      flag(
        'randomized',
        `the classifier is random and the attack does not average over it (autoattack has the version "rand"); success is judged on the mean of ${RANDOMIZED_DRAWS} answers`,
      ),
    );
}

/** Takes over what a smaller radius broke. */
function adoptSmaller(input: EvaluationInput, state: EvaluationState, smaller: SmallerRadius): void {
  if (!(smaller.eps <= input.threat.eps) || smaller.robust.length !== input.data.n)
    throw new RampartError(
      `[evaluation] expected outcomes of ${input.data.n} examples at a radius <= ${input.threat.eps}, got ${smaller.robust.length} at ${smaller.eps}`,
    );
  for (let id = 0; id < input.data.n; id++) {
    if (state.robust[id] !== '1' || smaller.robust[id] === '1') continue;
    state.robust[id] = '0';
    state.predictions[id] = smaller.predictions[id] as number;
    state.distances[id] = smaller.distances[id] as number;
  }
}

async function runMember(context: Context, member: Member, total: number): Promise<void> {
  const { input, state } = context;
  if (!state.queue) {
    state.queue = state.robust.flatMap((r, id) => (r === '1' ? [id] : []));
    const entered = state.queue.length;
    state.members.push({ attack: member.label, entered, left: entered, passes: { forward: 0, backward: 0 }, wallMs: 0 });
  }
  const size = member.plugin.streams ? input.batchSize * STREAMED_BATCHES : input.batchSize;
  const progress = state.members[state.members.length - 1] as EvaluationState['members'][number];
  while (state.queue.length > 0) {
    input.signal.throwIfAborted();
    await attackBatch(context, member, state.queue.slice(0, size), progress);
    state.queue = state.queue.slice(size);
    reportProgress(context, total);
    await input.checkpoint?.save(encodeState(state));
  }
  closeTrace(state);
  state.queue = undefined;
  await input.checkpoint?.save(encodeState(state));
}

/** Passes of the attack so far: on the target, and on the models that it transfers from. */
function spent({ target, input }: Context): Passes {
  const targets = [target, ...input.sources.values()];
  return {
    forward: targets.reduce((n, { passes }) => n + passes.forward, 0),
    backward: targets.reduce((n, { passes }) => n + passes.backward, 0),
  };
}

/** Attacks `ids`, checks what came back, and notes what it broke. */
async function attackBatch(context: Context, member: Member, ids: number[], progress: EvaluationState['members'][number]): Promise<void> {
  const { input, state, target, judge } = context;
  const batch = batchOf(input.data, ids);
  const started = performance.now();
  const before = spent(context);
  const run = {
    rng: input.rng.fork(member.label),
    signal: input.signal,
    batchSize: input.batchSize,
    sources: input.sources,
    trace(iteration: number, survivors: number) {
      state.trace[iteration] = (state.trace[iteration] ?? 0) + survivors;
    },
  };
  input.classifier.reseed?.(`${member.label}/${ids[0]}`);
  try {
    const attack = member.plugin.create(member.params);
    const { value: adversarial, leaked } = await leakedTensors(1, () => attack.perturb(batch, target, input.threat, run));
    progress.wallMs += performance.now() - started;
    const after = spent(context);
    progress.passes.forward += after.forward - before.forward;
    progress.passes.backward += after.backward - before.backward;
    state.leaked += Math.max(0, leaked);
    try {
      const distances = await checkBudget(adversarial, batch.x, input.threat, { attack: member.label, ids: batch.ids });
      const { predictions } = await predict(judge, adversarial);
      const broken = ids.map((_, i) => predictions[i] !== batch.labels[i]);
      ids.forEach((id, i) => {
        state.predictions[id] = predictions[i] as number;
        state.distances[id] = Number((distances[i] as number).toFixed(6));
        if (broken[i]) state.robust[id] = '0';
      });
      progress.left -= broken.filter(Boolean).length;
      await keep(context, adversarial, ids, broken);
    } finally {
      adversarial.dispose();
    }
  } finally {
    tf.dispose([batch.x, batch.y]);
  }
}

/** Keeps the pixels of the first `keepExamples` broken examples by index, whichever member broke them. */
async function keep({ input, state }: Context, adversarial: tf.Tensor4D, ids: number[], broken: boolean[]): Promise<void> {
  const wanted = input.keepExamples ?? 0;
  const room = (id: number) => state.kept.length < wanted || id < Math.max(...state.kept);
  const rows = ids.flatMap((id, i) => (wanted > 0 && broken[i] && room(id) ? [i] : [])).slice(0, wanted);
  if (rows.length === 0) return;
  const picked = tf.tidy(() => adversarial.gather(tf.tensor1d(rows, 'int32')));
  const pixels = (await picked.data()) as Float32Array;
  picked.dispose();
  const size = pixels.length / rows.length;
  const all = [
    ...state.kept.map((id, i) => ({ id, pixels: state.adversarial[i] as Float32Array })),
    ...rows.map((row, i) => ({ id: ids[row] as number, pixels: pixels.slice(i * size, (i + 1) * size) })),
  ];
  const best = all.sort((a, b) => a.id - b.id).slice(0, wanted);
  state.kept = best.map((e) => e.id);
  state.adversarial = best.map((e) => e.pixels);
}

function reportProgress({ input, state }: Context, members: number): void {
  const survivors = state.robust.filter((r) => r === '1').length;
  const waiting = state.queue?.length ?? 0;
  const done = state.members.reduce((sum, m) => sum + m.entered, 0) - waiting;
  input.onProgress?.(done, done + waiting + (members - state.members.length) * survivors, survivors);
}

/** Appends the current member's survivors to those before it, iterations counted on; only the steps of the staircase are kept. */
function closeTrace(state: EvaluationState): void {
  const offset = state.survivors.at(-1)?.[0] ?? 0;
  const points = Object.entries(state.trace).map(([k, v]): [number, number] => [offset + Number(k), v]);
  points.sort((a, b) => a[0] - b[0]);
  const steps = points.filter((p, i) => i === 0 || i === points.length - 1 || p[1] !== points[i - 1]?.[1] || p[1] !== points[i + 1]?.[1]);
  state.survivors.push(...steps);
  state.trace = {};
}

function resultOf({ input, state }: Context, members: readonly Member[]): Evaluation {
  const passes = { forward: 0, backward: 0 };
  for (const m of state.members) {
    passes.forward += m.passes.forward;
    passes.backward += m.passes.backward;
  }
  const flags = [...state.flags, ...squareFlags(state.members, input.data.n)];
  if (state.leaked > 0)
    flags.push(flag('leaked-tensors', `${members.map((m) => m.label).join(', ')} left ${state.leaked} tensors allocated`));
  const [h, w, c] = input.data.shape;
  const adversarial = new Float32Array(state.kept.length * h * w * c);
  state.adversarial.forEach((pixels, i) => {
    adversarial.set(pixels, i * h * w * c);
  });
  return {
    robust: state.robust.join(''),
    predictions: state.predictions,
    distances: state.distances,
    passes,
    ...(isEnsemble(input.attack) ? { members: state.members } : {}),
    ...(state.survivors.length > 0 ? { survivors: state.survivors } : {}),
    ...(input.keepExamples ? { examples: { ids: [...state.kept], adversarial } } : {}),
    flags,
  };
}

/**
 * A security curve: the attack at every radius, smallest first, each attacking only what the smaller ones left, because a point
 * broken inside a small ball is broken inside a larger one. One evaluation per radius, in the order given.
 */
export async function evaluateCurve(
  input: Omit<EvaluationInput, 'smaller' | 'checkpoint'>,
  radii: readonly number[],
): Promise<Evaluation[]> {
  const results = new Map<number, Evaluation>();
  let smaller: SmallerRadius | undefined;
  for (const eps of [...radii].sort((a, b) => a - b)) {
    const evaluation = await evaluate({ ...input, threat: { ...input.threat, eps }, ...(smaller ? { smaller } : {}) });
    results.set(eps, evaluation);
    smaller = { eps, ...evaluation };
  }
  return radii.map((eps) => results.get(eps) as Evaluation);
}
