/** How often an attack's step waits for the device, and what it is asked to do: the table of docs/engines.md, counted. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AttackPlugin, Threat } from '../../attacks/attack.ts';
import { attacks } from '../../attacks/index.ts';
import { createTarget } from '../../attacks/target.ts';
import type { TorchBackend } from '../../engines/torch/backend.ts';
import { torch } from '../../engines/torch/index.ts';
import { projections, proposals } from '../../engines/torch/kernels/search.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenNetwork } from '../golden.ts';
import { testDevice } from './device.ts';

const text = readFileSync(new URL('../../docs/engines.md', import.meta.url), 'utf8');
/** Reads, uploads and operations of a step, by attack and norm. */
const documented = new Map(
  [...text.matchAll(/^\| `([\w-]+)` *\| (\w+) *\| (\d+) *\| (\d+) *\| (\d+) /gm)].map(([, name, norm, ...counts]) => [
    `${name} ${norm}`,
    counts.map(Number),
  ]),
);

/** Operations that launch nothing. */
const VIEWS = new Set(['reshape', 'identity', 'graphOutput', 'graphRelease', 'finiteKnown']);
let operations = 0;

/** Counts what the addon is asked to do from here on; gives back what undoes it. */
function counted(): () => void {
  const ops = (tf.backend() as TorchBackend).ops as unknown as Record<string, (...args: unknown[]) => unknown>;
  const own = { ...ops };
  for (const [name, run] of Object.entries(own))
    if (!VIEWS.has(name))
      ops[name] = (...args) => {
        operations++;
        return run(...args);
      };
  return () => Object.assign(ops, own);
}

const traffic = () => ({ ...(tf.backend() as TorchBackend).traffic, operations });

/** What a step more costs, of images that nothing breaks. */
async function perStep(name: string, steps: string, norm: Threat['norm'], [few, many]: [number, number]) {
  const alone = name === 'fab-t' ? { targets: 1 } : {};
  const { x, y } = goldenBatch(16);
  const classifier = goldenNetwork().freeze();
  const predicted = (await classifier.logits(x).argMax(1).data()) as Int32Array;
  const batch = { x, y: tf.tensor1d(predicted, 'int32'), labels: predicted, ids: Int32Array.from(predicted.keys()) };
  y.dispose();
  const counts: ReturnType<typeof traffic>[] = [];
  for (const n of [few, many]) {
    const before = traffic();
    const plugin = attacks.find((a) => a.name === name) as AttackPlugin;
    const run = { rng: new Rng('syncs'), signal: new AbortController().signal, batchSize: 16, sources: new Map() };
    const found = await plugin
      .create(plugin.params.parse({ ...alone, [steps]: n }))
      .perturb(batch, createTarget(classifier, name), { norm, eps: 1e-6 }, run);
    const after = traffic();
    found.dispose();
    counts.push({
      reads: after.reads - before.reads,
      uploads: after.uploads - before.uploads,
      operations: after.operations - before.operations,
    });
  }
  const [a, b] = counts as [(typeof counts)[0], (typeof counts)[0]];
  const more = (key: keyof typeof a) => (b[key] - a[key]) / (many - few);
  return { reads: more('reads'), uploads: more('uploads'), operations: more('operations') };
}

const ATTACKS = [
  ['pgd', 'steps', 'Linf'],
  ['pgd', 'steps', 'L2'],
  ['cw', 'steps', 'Linf'],
  ['apgd-ce', 'iterations', 'Linf'],
  ['apgd-ce', 'iterations', 'L2'],
  ['apgd-ce', 'iterations', 'L1'],
  ['fab-t', 'iterations', 'Linf'],
  ['fab-t', 'iterations', 'L2'],
  ['square', 'queries', 'Linf'],
] as const;

let uncount = () => {};

describe.skipIf(!findBuilt())('a step of an attack waits for the device as often as documented', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
    // as on a GPU, for which these kernels are not written
    for (const { kernelName, backendName } of projections)
      if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
    if (testDevice === 'cpu') for (const kernel of proposals) tf.registerKernel(kernel);
    uncount = counted();
  });
  afterAll(() => {
    uncount();
    if (testDevice !== 'cpu') return;
    for (const kernel of projections) tf.registerKernel(kernel);
    for (const { kernelName, backendName } of proposals) tf.unregisterKernel(kernelName, backendName);
  });

  test.each(ATTACKS)('%s, by %s, in %s', { timeout: 60_000 }, async (name, steps, norm) => {
    const { reads, uploads, operations } = await perStep(name, steps, norm, [4, 24]);
    const [wantReads, wantUploads, wantOperations] = documented.get(`${name} ${norm}`) as [number, number, number];
    expect(reads).toBe(wantReads);
    expect(Math.round(operations)).toBeGreaterThanOrEqual(wantOperations - (name === 'apgd-ce' ? 2 : 0));
    expect(Math.round(operations)).toBeLessThanOrEqual(wantOperations + (name === 'apgd-ce' ? 2 : 0));
    // which runs of APGD go on from their best point, and so what is uploaded, hangs on roundings
    expect(Math.abs(uploads - wantUploads)).toBeLessThanOrEqual(name === 'apgd-ce' ? 1 : 0);
  });

  test('logits that are not finite are an error of the model, at the next read or when the attack is done', () => {
    const nan = { classes: 10, inputShape: [32, 32, 3] as const, dispose: () => undefined };
    const logits = (x: tf.Tensor4D) => tf.fill<tf.Rank.R2>([x.shape[0], 10], Number.NaN);
    const { x } = goldenBatch(2);
    const message = '[model broken] logits are not finite (NaN or infinite): the weights or the input are broken';
    const reading = createTarget({ ...nan, logits }, 'broken');
    const before = traffic().reads;
    const first = reading.logits(x);
    expect(traffic().reads).toBe(before);
    first.dataSync();
    expect(() => reading.logits(x)).toThrow(message);
    const silent = createTarget({ ...nan, logits }, 'broken');
    const other = createTarget(goldenNetwork().freeze(), 'whole');
    tf.dispose([silent.logits(x), other.logits(x)]);
    expect(() => silent.settle()).toThrow(message);
    expect(() => other.settle()).not.toThrow();
    // once known, there is nothing to wait for
    const settled = traffic().reads;
    expect(() => silent.settle()).toThrow(message);
    expect(traffic().reads).toBe(settled);
  });

  test('an infinite logit among finite ones is noticed, from data that are read without a wait too', async () => {
    const logits = (x: tf.Tensor4D) =>
      tf
        .oneHot(tf.zeros([x.shape[0]], 'int32'), 10)
        .mul<tf.Tensor2D>(Number.POSITIVE_INFINITY)
        .add<tf.Tensor2D>(0);
    const target = createTarget({ classes: 10, inputShape: [32, 32, 3], logits, dispose: () => undefined }, 'infinite');
    await target.logits(goldenBatch(1).x).data();
    expect(() => target.settle()).toThrow('[model infinite] logits are not finite');
  });
});
