/** `rampart time`: one training step of every defense and one step of every attack, as ratios to a standard training step, measured in turns in one process. */
import { Bench } from 'tinybench';
import type { AttackPlugin, Passes, Threat } from '../attacks/attack.ts';
import { createTarget } from '../attacks/target.ts';
import type { TrainingBatch, TrainingDefense } from '../defenses/defense.ts';
import type { ArchSetup } from '../models/architecture.ts';
import { multiplyAdds as multiplyAddsOf } from '../models/graph/graph.ts';
import { architecture, createNetwork } from '../models/index.ts';
import { Rng } from '../tensor/rng.ts';
import { type Shape, tf } from '../tensor/tf.ts';
import { recipeSchema } from './suite/recipe.ts';
import { Stepper } from './train/step.ts';

export interface TimingJob {
  readonly arch: string;
  readonly inputShape: Shape;
  readonly classes: number;
  readonly batchSize: number;
  /** Each round runs everything once; the first ones, `warmup`, are not counted. At least 2. */
  readonly rounds: number;
  readonly warmup: number;
  readonly threat: Threat;
  /** The step that counts 1; it is measured too. */
  readonly standard: TrainingDefense;
  readonly defenses: readonly TrainingDefense[];
  /** In the norm of `threat`. */
  readonly attacks: readonly AttackPlugin[];
  readonly signal: AbortSignal;
  onProgress?(done: number, total: number): void;
}

export interface StepTime {
  readonly kind: 'defense' | 'attack';
  readonly name: string;
  readonly title: string;
  /** Mean wall time of one step on a batch. An attack's step is its share of a run: one of its gradient steps, queries or draws. */
  readonly stepMs: number;
  /** Mean over rounds of the step's time over the standard training step's in the same round. */
  readonly ratio: number;
  /** Half the 95 % confidence interval of `ratio`, by Student's t over the rounds. */
  readonly marginOfError: number;
  /** Per example and step. */
  readonly passes: Passes;
  /** Two operations to a multiply-add of convolutions and linear layers, a backward pass counted as a forward one: what `rampart plan --speed` takes. */
  readonly gflops: number;
}

/** A step that could not be measured, and why. */
export interface Unmeasured {
  readonly kind: 'defense' | 'attack';
  readonly name: string;
  readonly title: string;
  readonly error: string;
}

export interface Timings {
  readonly measured: readonly StepTime[];
  readonly unmeasured: readonly Unmeasured[];
}

/** Something to time: `run` takes as many steps as `steps` says. */
interface Contender {
  readonly kind: 'defense' | 'attack';
  readonly name: string;
  readonly title: string;
  readonly steps: number;
  run(): Promise<void>;
  /** Passes of all runs so far, summed over examples. */
  passes(): Passes;
  dispose(): void;
}

/** Parameters that count the steps of an attack, under the names that plug-ins give them, and how many are timed at once. */
const STEP_COUNTS = ['steps', 'iterations', 'queries', 'draws'];
const TIMED_STEPS = 4;
/** So near the image that no attack succeeds: every example takes every step. */
const HARMLESS = 1e-7;

/** Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom. */
const T95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086,
  2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** Mean of at least two numbers, and half the width of its 95 % confidence interval. */
export function meanWithMargin(values: readonly number[]): { mean: number; margin: number } {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  return { mean, margin: (T95[n - 2] ?? 1.96) * Math.sqrt(variance / n) };
}

/** The smallest run of an attack and its number of steps: few steps, one restart, one target. */
export function smallestRun(plugin: AttackPlugin): { params: unknown; steps: number } {
  const given = plugin.access === 'transfer' ? { sources: ['source'] } : {};
  const defaults = plugin.params.parse(given) as Record<string, unknown>;
  const count = STEP_COUNTS.find((name) => name in defaults);
  const small: Record<string, unknown> = { ...given };
  if (count) small[count] = TIMED_STEPS;
  if ('restarts' in defaults) small.restarts = 1;
  const one = plugin.params.safeParse({ ...small, targets: 1 });
  return { params: one.success ? one.data : plugin.params.parse(small), steps: count ? TIMED_STEPS : 1 };
}

function archSetupOf({ inputShape, classes }: TimingJob): ArchSetup {
  const mean = inputShape[2] === 3 ? [0.5, 0.5, 0.5] : [0.5];
  return { inputShape, classes, mean, std: mean.map(() => 0.25) };
}

const setup = (job: TimingJob, rng: Rng) => createNetwork(job.arch, archSetupOf(job), rng);
const graphOf = (job: TimingJob) => architecture(job.arch).graph(archSetupOf(job));

function randomImages({ batchSize, inputShape }: TimingJob, rng: Rng): tf.Tensor4D {
  const size = batchSize * inputShape[0] * inputShape[1] * inputShape[2];
  return tf.tensor4d(rng.uniform(size), [batchSize, ...inputShape]);
}

function defenseContender(defense: TrainingDefense, job: TimingJob): Contender {
  const rng = new Rng(`time ${defense.name}`);
  const network = setup(job, rng.fork('network'));
  // an untrained helper costs what a trained one does
  const helper = defense.helper === undefined ? undefined : network.freeze();
  const { threat, batchSize } = job;
  const training = defense.create(defense.params.parse({}), {
    network,
    threat,
    rng: rng.fork('defense'),
    batchSize,
    images: batchSize,
    epochs: 1,
    ...(helper && { helper: createTarget(helper, 'helper') }),
  });
  // so small a rate that hundreds of steps on one batch change nothing that matters to their cost
  const recipe = recipeSchema.parse({ batchSize, learningRate: 1e-6 });
  const stepper = new Stepper({ name: defense.name, network, training, threat, recipe });
  const labels = Int32Array.from({ length: batchSize }, () => rng.int(job.classes));
  const x = randomImages(job, rng);
  const y = tf.tensor1d(labels, 'int32');
  let step = 0;
  return {
    kind: 'defense',
    name: defense.name,
    title: defense.title,
    steps: 1,
    async run() {
      const batch: TrainingBatch = { x, y, labels, ids: Int32Array.from(labels.keys()), rng: rng.fork(step) };
      await stepper.step(batch, { epoch: 0, step: step++, progress: 0.5, learningRate: recipe.learningRate });
    },
    passes: () => stepper.passes,
    dispose() {
      stepper.dispose();
      training.dispose?.();
      helper?.dispose();
      network.dispose();
      tf.dispose([x, y]);
    },
  };
}

function attackContender(plugin: AttackPlugin, job: TimingJob): Contender {
  const rng = new Rng(`time ${plugin.name}`);
  const { params, steps } = smallestRun(plugin);
  const attack = plugin.create(params);
  const network = setup(job, rng.fork('network'));
  const classifier = network.freeze('fp32', { features: plugin.features ?? false });
  network.dispose();
  const target = createTarget(classifier, plugin.name);
  const source = createTarget(classifier, 'source');
  const x = randomImages(job, rng);
  const labels = tf.tidy(() => Int32Array.from(classifier.logits(x).argMax(1).dataSync()));
  const batch = { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from(labels.keys()) };
  const threat = { norm: job.threat.norm, eps: HARMLESS };
  return {
    kind: 'attack',
    name: plugin.name,
    title: plugin.title,
    steps,
    async run() {
      const run = { rng, signal: job.signal, batchSize: job.batchSize, sources: new Map([['source', source]]) };
      (await attack.perturb(batch, target, threat, run)).dispose();
    },
    passes: () => ({
      forward: target.passes.forward + source.passes.forward,
      backward: target.passes.backward + source.passes.backward,
    }),
    dispose() {
      classifier.dispose();
      tf.dispose([batch.x, batch.y]);
    },
  };
}

/** Times everything in turns, each round in another order, so that a change in the machine's load falls on all. */
export async function measureSteps(job: TimingJob): Promise<Timings> {
  const unmeasured: Unmeasured[] = [];
  const contenders: Contender[] = [];
  const attempt = (kind: 'defense' | 'attack', { name, title }: { name: string; title: string }, make: () => Contender) => {
    try {
      contenders.push(make());
    } catch (error) {
      unmeasured.push({ kind, name, title, error: (error as Error).message });
    }
  };
  const others = job.defenses.filter((d) => d.name !== job.standard.name);
  const standard = defenseContender(job.standard, job);
  contenders.push(standard);
  for (const d of others) attempt('defense', d, () => defenseContender(d, job));
  for (const a of job.attacks.filter((p) => p.norms.includes(job.threat.norm))) attempt('attack', a, () => attackContender(a, job));
  try {
    const samples = await runRounds(job, contenders, unmeasured);
    const base = samples.get(standard) as number[];
    const counted = contenders.filter((c) => samples.get(c)?.length === job.rounds);
    return { measured: counted.map((c) => summary(c, samples.get(c) as number[], base, job)), unmeasured };
  } finally {
    for (const c of contenders) c.dispose();
  }
}

/** Milliseconds per step of every contender, one number per round. One that throws is left out from then on; the standard step must not. */
async function runRounds(job: TimingJob, contenders: readonly Contender[], unmeasured: Unmeasured[]): Promise<Map<Contender, number[]>> {
  const samples = new Map(contenders.map((c) => [c, [] as number[]]));
  const total = job.warmup + job.rounds;
  for (let round = 0; round < total; round++) {
    job.signal.throwIfAborted();
    const bench = new Bench({ iterations: 1, time: 0, warmup: false, retainSamples: true });
    const running = [...samples.keys()];
    const turn = round % running.length;
    const order = [...running.slice(turn), ...running.slice(0, turn)];
    for (const c of order) bench.add(`${c.kind} ${c.name}`, () => c.run(), { async: true });
    await bench.run();
    order.forEach((c) => {
      const result = bench.getTask(`${c.kind} ${c.name}`)?.result;
      if (result?.state === 'completed') {
        if (round >= job.warmup) samples.get(c)?.push(result.latency.mean / c.steps);
        return;
      }
      const error = result?.state === 'errored' ? result.error : new Error(`not run: ${result?.state}`);
      if (c === contenders[0] || job.signal.aborted) throw error;
      samples.delete(c);
      unmeasured.push({ kind: c.kind, name: c.name, title: c.title, error: error.message });
    });
    job.onProgress?.(round + 1, total);
  }
  return samples;
}

function summary(c: Contender, stepMs: readonly number[], base: readonly number[], job: TimingJob): StepTime {
  const { mean, margin } = meanWithMargin(stepMs.map((ms, round) => ms / (base[round] as number)));
  const { forward, backward } = c.passes();
  const steps = (job.warmup + job.rounds) * c.steps * job.batchSize;
  const meanMs = stepMs.reduce((a, b) => a + b, 0) / stepMs.length;
  const multiplyAdds = multiplyAddsOf(graphOf(job));
  return {
    kind: c.kind,
    name: c.name,
    title: c.title,
    stepMs: meanMs,
    ratio: mean,
    marginOfError: margin,
    passes: { forward: forward / steps, backward: backward / steps },
    gflops: ((2 * multiplyAdds * (forward + backward)) / ((job.warmup + job.rounds) * c.steps) / meanMs) * 1e-6,
  };
}
