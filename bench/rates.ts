/** Images per second of one training or attack step, here and in PyTorch. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { crossEntropy } from '../attacks/parts/losses.ts';
import { createTarget } from '../attacks/target.ts';
import type { TrainingBatch } from '../defenses/defense.ts';
import { defense } from '../defenses/index.ts';
import { RampartError } from '../errors.ts';
import { recipeSchema } from '../harness/suite/recipe.ts';
import { Stepper } from '../harness/train/step.ts';
import { createNetwork } from '../models/index.ts';
import { signStep } from '../tensor/fused.ts';
import { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';

/** As the peer's script names them. */
export const TASKS = ['forward', 'input_grad', 'standard', 'pgd-at', 'trades'] as const;
export type Task = (typeof TASKS)[number];
export type Rates = Partial<Record<Task, number>>;

const EPS = 8 / 255;
const STEP = 2 / 255;
/** Defenses with the parameters of the peer's script. */
const DEFENSES: Partial<Record<Task, Record<string, unknown>>> = {
  standard: {},
  'pgd-at': { steps: 7, eps: EPS, step: STEP },
  trades: { beta: 6, steps: 10, eps: EPS, step: STEP },
};

/** How long to measure, on what. */
export interface Measure {
  readonly batch: number;
  readonly seconds: number;
  readonly threads: number;
  /** Steps that are timed however long they take; 5 unless given. */
  readonly atLeast?: number;
  /** `cpu` is the processor time of all threads, which a machine that others use leaves as it is; `wall` unless given. */
  readonly clock?: 'wall' | 'cpu';
}

/** One step of every task on the same random batch, through the harness's own stepper, frozen targets and fused kernels. */
export function stepsOf(arch: string, batchSize: number): Record<Task, () => Promise<void>> {
  const rng = new Rng(`bench/${arch}`);
  const network = createNetwork(arch, { inputShape: [32, 32, 3], classes: 10, mean: [0, 0, 0], std: [1, 1, 1] }, rng.fork('init'));
  const n = batchSize;
  const x = tf.tensor4d(rng.fork('x').uniform(n * 32 * 32 * 3), [n, 32, 32, 3]);
  const labels = Int32Array.from({ length: n }, () => rng.int(10));
  const batch: TrainingBatch = { x, y: tf.tensor1d(labels, 'int32'), labels, ids: labels.map((_, i) => i), rng };
  const frozen = network.freeze();
  const target = createTarget(frozen, arch);
  const recipe = recipeSchema.parse({ learningRate: 0.01, momentum: 0.9, weightDecay: 5e-4 });
  const threat = { norm: 'Linf', eps: EPS } as const;
  const training = (task: Task) => {
    const plugin = defense(task);
    if (plugin.kind !== 'training') throw new RampartError(`[bench] ${task} is no training defense`);
    const setup = { network, threat, rng: rng.fork(task), batchSize: n, images: n, epochs: 1 };
    const stepper = new Stepper({
      name: arch,
      network,
      training: plugin.create(plugin.params.parse(DEFENSES[task]), setup),
      threat,
      recipe,
    });
    return async () => {
      await stepper.step(batch, { epoch: 0, step: 0, progress: 0, learningRate: 0.01 });
    };
  };
  return {
    forward: async () => frozen.logits(x).dispose(),
    input_grad: async () => {
      const { loss, logits, grad } = target.gradient(x, crossEntropy(batch.y));
      tf.dispose([loss, logits, signStep(x, grad, x, STEP, EPS), grad]);
    },
    standard: training('standard'),
    'pgd-at': training('pgd-at'),
    trades: training('trades'),
  };
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

/** Milliseconds from any beginning. */
function now(clock: Measure['clock']): number {
  if (clock !== 'cpu') return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Waits for the device, which computes by itself: a number made after all that was asked for so far. */
async function settle(): Promise<void> {
  const last = tf.zeros([1]);
  await last.data();
  last.dispose();
}

/** Two steps to warm up, then as many as fit into the seconds, `atLeast` at least: as the peer's script does. */
export async function rate(step: () => Promise<void>, { batch, seconds, atLeast = 5, clock }: Omit<Measure, 'threads'>): Promise<number> {
  await step();
  await step();
  await settle();
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end || times.length < atLeast) {
    const start = now(clock);
    await step();
    await settle();
    await tf.nextFrame();
    times.push(now(clock) - start);
  }
  return (1000 * batch) / median(times);
}

/** How the peer's script is started: as it is where it may be, else by `PYTHON`; with as many threads. `more` are further arguments of it. */
export function peerCommand(
  script: string,
  arch: string,
  measure: Measure,
  more: readonly string[],
): [string, string[], NodeJS.ProcessEnv] {
  const { batch, seconds, threads, atLeast = 5, clock = 'wall' } = measure;
  const path = resolve(script);
  const sizes = ['--batch', String(batch), '--seconds', String(seconds), '--at-least', String(atLeast), '--clock', clock];
  const args = ['--arch', arch, ...sizes, '--layout', 'channels_last', ...more];
  const env = { ...process.env, OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) };
  try {
    accessSync(path, constants.X_OK);
    return [path, args, env];
  } catch {
    return [process.env.PYTHON ?? 'python3', [path, ...args], env];
  }
}

/** The peer's rates, in a process of its own. */
export function peerRates(script: string, arch: string, measure: Measure, more: readonly string[] = []): Rates {
  const [command, args, env] = peerCommand(script, arch, measure, more);
  const run = spawnSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (run.status !== 0) throw new RampartError(`[bench] the peer ${script} ended with ${run.status ?? run.error?.message}`);
  return (JSON.parse(run.stdout) as { images_per_second: Rates }).images_per_second;
}
