/** Robust accuracy: runs an attack or an ensemble on the examples that are still right, and decides itself what it broke. */
import type { Attack, AttackRun, InnerAttack, Passes } from '../../attacks/attack.ts';
import { isBounded, isEnsemble, type Member, membersOf } from '../../attacks/members.ts';
import { RampartError } from '../../errors.ts';
import { flag } from '../../records/flags.ts';
import { tf } from '../../tensor/tf.ts';
import { awakeNow, type Stopwatch, stopwatch } from '../awake.ts';
import { asAsked, checkAsked, checkRounded } from './asked.ts';
import { checkBudget, classFlags, leakedTensors, queryFlags } from './checks.ts';
import type { Elapsed, Evaluation, EvaluationInput, SmallerRadius } from './evaluation.ts';
import { firstFlags } from './first-look.ts';
import { readyAttack, targetFor } from './fit.ts';
import { keepBroken } from './kept.ts';
import { putTogether } from './parts.ts';
import { batchOf, predict, predictions } from './predict.ts';
import { advance, allowed, begin, noteBestLoss } from './queue.ts';
import { decodeState, type EvaluationState, encodeState, initialState, type MemberProgress } from './state.ts';
import { survivorsOf } from './survivors.ts';
import { nearestErrors, noteNearest, Tracker } from './tracker.ts';

/** Classes enough for any loss. */
const MANY = 1000;

/** An attack that fills its own batches gets this many at once: enough that its last, emptying one weighs little. */
const STREAMED_BATCHES = 8;
/** But no more pixels than these beyond one batch: 64 MB, of which an attack holds several copies. */
const STREAMED_PIXELS = 1 << 24;

type Spent = Pick<MemberProgress, 'passes' | 'overhead'>;

const noPasses = (): Passes => ({ forward: 0, backward: 0 });

/** The run of one evaluation: what stays the same from batch to batch. */
interface Context {
  readonly input: EvaluationInput;
  readonly state: EvaluationState;
  readonly members: readonly Member[];
  /** Runs since this process began. */
  readonly watch: Stopwatch;
  readonly earlier: Elapsed;
}

/**
 * Robust accuracy of `classifier` under `attack`. Examples wrong in `clean`, and those broken at a smaller radius, are never
 * attacked and count as broken. Members of an ensemble run in order on what is left, so the result is the worst case per example.
 * Every member's random numbers are `rng.fork(label)`, every example's a fork of that, so nothing depends on batches, order or resumes.
 * Throws a `BudgetError` when a point leaves box or budget, and whatever the attack throws.
 */
export async function evaluate(input: EvaluationInput): Promise<Evaluation> {
  const watch = stopwatch();
  const { data, clean, classifier } = input;
  if (clean.length !== data.n) throw new RampartError(`[evaluation] expected ${data.n} clean outcomes, got ${clean.length}`);
  const forClasses = (classes: number) => membersOf(input.attack, input.params, input.threat, classes, input.lookup?.bind(input));
  const members = forClasses(classifier.classes);
  checkAsked(input, members);
  const labels = (all: Member[]) => all.map((m) => m.label);
  const saved = await input.checkpoint?.load((bytes) => decodeState(bytes, data, labels(members)));
  const state = saved ?? initialState(clean);
  const { wallMs, suspendedMs } = state;
  const context: Context = { input, state, members, watch, earlier: { wallMs, suspendedMs } };
  if (!saved) {
    if (isWatched(input, members)) state.nearest = [...clean].map((c) => (c === '1' ? null : 0));
    if (members.some(({ when }) => when === 'nearest')) state.bestLoss = new Array<number | null>(data.n).fill(null);
    if (input.budget !== undefined) state.spent = new Array<number>(data.n).fill(0);
    await settleKnown(context);
    if (!input.isPart) {
      state.flags.push(...(await firstFlags(input, state.robust, members, (batch) => targetFor(input, 'flags', batch))));
      state.flags.push(...classFlags(labels(forClasses(MANY)), labels(members), classifier.classes));
    }
    if (input.parts) await putTogether(state, input.parts, data, labels(members), wantedBy(input));
  }
  for (const member of members.slice(state.members.length - (state.queue ? 1 : 0))) await runMember(context, member);
  return resultOf(context);
}

const wantedBy = ({ keepExamples = 0, keepAmong = 0 }: EvaluationInput) => ({ broken: keepExamples, among: keepAmong });

/** Predictions of the examples that will not be attacked. */
async function settleKnown({ input, state }: Context): Promise<void> {
  const { data, clean, cleanPredictions, smaller, batchSize } = input;
  const wrong = [...clean].flatMap((c, id) => (c === '1' ? [] : [id]));
  for (let id = 0; id < data.n; id++) state.predictions[id] = data.labels[id] as number;
  const known = cleanPredictions
    ? wrong.map((id) => cleanPredictions[id] as number)
    : (await predictions({ ...input, rng: input.rng.fork('known') }, data, wrong, batchSize)).predictions;
  wrong.forEach((id, i) => {
    state.predictions[id] = known[i] as number;
  });
  if (smaller) adoptSmaller(input, state, smaller);
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
  smaller.nearest?.distances.forEach((distance, id) => {
    if (smaller.nearest?.found[id] === '1') noteNearest(state, id, distance);
  });
}

/** Whether the nearest errors are noted: those of a search for the smallest perturbation, and of one whose passes are limited. */
function isWatched({ budget }: EvaluationInput, members: readonly Member[]): boolean {
  return budget !== undefined || members.some(({ plugin }) => plugin.minimumNorm);
}

async function runMember(context: Context, member: Member): Promise<void> {
  const { input, state } = context;
  if (!state.queue) {
    const entered = begin(member, state, input, outcomesOf(context));
    const spent = { passes: noPasses(), overhead: noPasses(), wallMs: 0 };
    state.members.push({ attack: member.label, entered, left: entered, ...spent, trace: {} });
  }
  // with a budget all examples of a batch search at once, so that it ends when they have used theirs
  const size = member.plugin.streams && input.budget === undefined ? streamedAtOnce(input) : input.batchSize;
  const progress = state.members[state.members.length - 1] as MemberProgress;
  if (state.queue?.length) input.signal.throwIfAborted();
  const attack = state.queue?.length ? await readyAttack(input, member, state, progress) : undefined;
  while (attack && state.queue?.length) {
    input.signal.throwIfAborted();
    const ids = state.queue.slice(0, Math.min(size, allowed(state)));
    await attackBatch(context, { ...member, attack }, ids, progress);
    advance(state, progress, ids.length);
    reportProgress(context);
    await save(context);
  }
  state.queue = undefined;
  state.turn = undefined;
  await save(context);
}

async function save({ input, state, watch, earlier }: Context): Promise<void> {
  state.wallMs = earlier.wallMs + watch.ms;
  state.suspendedMs = earlier.suspendedMs + watch.suspendedMs;
  await input.checkpoint?.save(encodeState(state));
}

/** Examples for an attack that fills its own batches. */
function streamedAtOnce({ batchSize, data: { shape } }: EvaluationInput): number {
  const [h, w, c] = shape;
  return Math.max(batchSize, Math.min(batchSize * STREAMED_BATCHES, Math.floor(STREAMED_PIXELS / (h * w * c))));
}

/** Adds up what was used: on the attacked model and on those that it transfers from, or by the members. */
function charge(progress: Spent, used: readonly Spent[]): void {
  for (const one of used)
    for (const account of ['passes', 'overhead'] as const)
      for (const kind of ['forward', 'backward'] as const) progress[account][kind] += one[account][kind];
}

/** Attacks `ids`, checks what came back, and notes what it broke. */
async function attackBatch(context: Context, member: Member & { attack: Attack }, ids: number[], progress: MemberProgress): Promise<void> {
  const { input, state } = context;
  const batch = await batchOf(input.data, ids);
  await checkRounded(batch.x, input);
  const started = awakeNow();
  const rng = input.rng.fork(member.label);
  const target = targetFor(input, `${member.label}/target`, batch, member.plugin.access);
  const sources = new Map(
    [...input.sources].map(([alias, source]) => [alias, targetFor({ ...input, ...source }, `${member.label}/source ${alias}`, batch)]),
  );
  const allowed = isBounded(member) ? input.threat : { ...input.threat, eps: Number.POSITIVE_INFINITY };
  const tracker =
    state.nearest &&
    new Tracker(batch, allowed, {
      budget: input.budget,
      spent: state.spent && ids.map((id) => state.spent?.[id] as number),
      levels: input.classifier.levels,
    });
  const told = new Map<number, number>();
  const run: AttackRun = {
    rng,
    signal: tracker ? AbortSignal.any([input.signal, tracker.signal]) : input.signal,
    batchSize: input.batchSize,
    sources: tracker ? new Map([...sources].map(([alias, source]) => [alias, tracker.watch(source, 'source')])) : sources,
    inOrder: input.budget !== undefined,
    ...(member.inner && { inner: member.inner.map(innerAttack) }),
    bestLoss(row: number, loss: number) {
      told.set(row, Math.max(loss, told.get(row) ?? Number.NEGATIVE_INFINITY));
    },
    trace(iteration: number, survivors: number) {
      progress.trace[iteration] = (progress.trace[iteration] ?? 0) + survivors;
    },
  };
  try {
    const { attack } = member;
    // what a target still holds of its last passes is nothing that the attack left
    const { value: found, leaked } = await leakedTensors(1, async () => {
      const found = await (tracker
        ? tracker.searched(() => attack.perturb(batch, tracker.watch(target, 'attacked'), input.threat, run))
        : attack.perturb(batch, target, input.threat, run));
      try {
        for (const asked of [target, ...sources.values()]) asked.settle();
      } catch (error) {
        found.dispose();
        throw error;
      }
      return found;
    });
    progress.wallMs += awakeNow() - started;
    noteBestLoss(member, state, ids, told);
    const all = [target, ...sources.values()];
    charge(progress, input.budget === undefined || !tracker ? all : [tracker.withinBudget(all)]);
    state.leaked += Math.max(0, leaked);
    const adversarial = asAsked(found, input.classifier);
    try {
      const distances = await checkBudget(adversarial, batch.x, allowed, { attack: member.label, ids: batch.ids });
      const judged = await predict(targetFor(input, `${member.label}/judge`, batch), adversarial);
      const broken = ids.map((_, i) => judged.predictions[i] !== batch.labels[i]);
      ids.forEach((id, i) => {
        state.predictions[id] = judged.predictions[i] as number;
        state.distances[id] = Number((distances[i] as number).toFixed(6));
        if (broken[i]) state.robust[id] = '0';
        if (tracker) noteNearest(state, id, tracker.nearest[i] as number);
        if (broken[i]) noteNearest(state, id, state.distances[id] as number);
        if (tracker && state.spent) state.spent[id] = tracker.used[i] as number;
      });
      progress.left -= broken.filter(Boolean).length;
      await keepBroken(state, wantedBy(input), adversarial, ids, broken);
    } finally {
      adversarial.dispose();
    }
  } finally {
    tf.dispose([batch.x, batch.y]);
  }
}

function innerAttack({ label, plugin, params }: Member): InnerAttack {
  return { label, attack: plugin.create(params), streams: plugin.streams ?? false };
}

function reportProgress({ input, state, members }: Context): void {
  const survivors = state.robust.filter((r) => r === '1').length;
  const waiting = state.queue?.length ?? 0;
  const done = state.members.reduce((sum, m) => sum + m.entered, 0) - waiting;
  input.onProgress?.(done, done + waiting + (members.length - state.members.length) * survivors, survivors);
}

/** What the members did so far, with what each may ask and is asked about. */
function outcomesOf({ state, members }: Context) {
  return state.members.map((m, i) => {
    const { plugin, when } = members[i] as Member;
    return { ...m, access: plugin.access, when };
  });
}

function resultOf(context: Context): Evaluation {
  const { input, state, members, earlier } = context;
  const total = { passes: noPasses(), overhead: noPasses() };
  charge(total, state.members);
  const flags = [...state.flags, ...queryFlags(outcomesOf(context), input.data.n)];
  if (state.leaked > 0) flags.push(flag('leaked-tensors', `${members.map((m) => m.label).join(', ')} left tensors allocated`));
  const survivors = survivorsOf(state.members);
  const [h, w, c] = input.data.shape;
  const adversarial = new Float32Array(state.kept.length * h * w * c);
  state.adversarial.forEach((pixels, i) => {
    adversarial.set(pixels, i * h * w * c);
  });
  return {
    robust: state.robust.join(''),
    predictions: state.predictions,
    distances: state.distances,
    ...(state.nearest && { nearest: nearestErrors(state.nearest) }),
    ...total,
    ...(!isEnsemble(input.attack) && state.members[0]?.choice && { choice: state.members[0].choice }),
    ...(isEnsemble(input.attack) ? { members: state.members.map(({ trace: _, ...member }) => member) } : {}),
    ...(survivors.length > 0 ? { survivors } : {}),
    ...(input.keepExamples || input.keepAmong ? { examples: { ids: [...state.kept], adversarial } } : {}),
    flags,
    earlier,
  };
}
