import { beforeAll, expect, test } from 'vitest';
import type { Threat } from '../../attacks/attack.ts';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { climb } from '../../attacks/parts/search/ascent.ts';
import type { Starts } from '../../attacks/parts/search/climb.ts';
import { rowsOf } from '../../attacks/parts/search/finds.ts';
import { steepest } from '../../attacks/parts/step.ts';
import { createPgd } from '../../attacks/pgd.ts';
import { createTarget } from '../../attacks/target.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenJson, goldenNetwork, goldenTensor } from '../golden.ts';
import { startEngine } from './engine.ts';

const threat: Threat & { norm: 'Linf' } = { norm: 'Linf', eps: 8 / 255 };
const stepSize = 2 / 255;
const signal = new AbortController().signal;

beforeAll(startEngine);

/** The authors' start: `clamp(x + eps * noise_uniform)`, for the first images. */
const goldenStart = (x: tf.Tensor4D) => {
  const noise = goldenTensor('noise-uniform', 'noise_uniform').slice(0, x.shape[0]);
  return tf.clipByValue(x.add(noise.mul(threat.eps)), 0, 1) as tf.Tensor4D;
};

test('three steps from the given start reach the points of the reference on 99 % of pixels', async () => {
  const { x, y } = goldenBatch(16);
  const target = createTarget(goldenNetwork().freeze(), 'reference');
  const got = await climb(
    { origin: x, start: goldenStart(x), steps: 3 },
    { target, loss: crossEntropy(y), step: steepest(threat, stepSize) },
    signal,
  );
  const near = got.sub(goldenTensor('attacks', 'pgd_linf_after3')).abs().lessEqual(1e-5).cast('float32').mean().dataSync()[0];
  expect(near).toBeGreaterThanOrEqual(0.99);
});

test('twenty steps from the given start leave the images of the reference, at their losses', async () => {
  const { x, y, labels, ids } = goldenBatch(64);
  const target = createTarget(goldenNetwork().freeze(), 'reference');
  const want = goldenJson('attacks').pgd20_linf as unknown as { robust: number[]; ce: number[] };
  const end = await climb(
    { origin: x, start: goldenStart(x), steps: 20 },
    { target, loss: crossEntropy(y), step: steepest(threat, stepSize) },
    signal,
  );
  const { loss, logits } = target.gradient(end, crossEntropy(y));
  const predicted = logits.argMax(1).dataSync();
  const robust = Array.from(labels, (label, i) => (predicted[i] === label ? 1 : 0));
  expect(robust.filter((r, i) => r !== want.robust[i]).length).toBeLessThanOrEqual(1);
  const losses = loss.dataSync();
  const off = want.ce.map((ce, i) => Math.abs((losses[i] as number) - ce) / ce);
  // a sign that flips by rounding moves a whole pixel: nearly all losses agree to 0.1 %, none is off by 2 %
  expect(off.filter((o) => o < 1e-3).length).toBeGreaterThanOrEqual(60);
  expect(Math.max(...off)).toBeLessThan(0.02);

  const params = { steps: 20, stepSize, restarts: 1, randomStart: true, loss: 'ce', eotIterations: 1 } as const;
  const starts: Starts = (_, attempts) =>
    rowsOf(
      goldenStart(x),
      attempts.map((j) => j.row),
    );
  const pgd = createPgd(params, starts);
  const adversarial = await pgd.perturb({ x, y, labels, ids }, target, threat, {
    rng: new Rng('t'),
    signal,
    batchSize: 32,
    sources: new Map(),
  });
  // the point that decides in the authors' code is the last one
  const lastPoints = await createPgd({ ...params, decides: 'last' }, starts).perturb({ x, y, labels, ids }, target, threat, {
    rng: new Rng('t'),
    signal,
    batchSize: 64,
    sources: new Map(),
  });
  expect(lastPoints.sub(end).abs().max().dataSync()[0]).toBe(0);

  const classes = target.logits(adversarial).argMax(1).dataSync();
  const left = Array.from(labels, (label, i) => (classes[i] === label ? 1 : 0));
  expect(left.filter((r, i) => r !== want.robust[i]).length).toBeLessThanOrEqual(1);
});
