/** The Square attack with its points on the device: those that this process would have sent, bit for bit. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import square from '../../attacks/square.ts';
import { createTarget } from '../../attacks/target.ts';
import type { TorchBackend } from '../../engines/torch/backend.ts';
import { torch } from '../../engines/torch/index.ts';
import { proposals } from '../../engines/torch/kernels/search.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { writesSquares } from '../../tensor/fused.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenNetwork } from '../golden.ts';
import { testDevice } from './device.ts';

/** What an attack in passes of 8 finds of 12 images, some of which break on the way, and what every query asked about. */
async function run() {
  const { x, y, labels, ids } = goldenBatch(12);
  const classifier = goldenNetwork().freeze();
  const asked: number[][] = [];
  const target = createTarget(
    {
      ...classifier,
      classes: classifier.classes,
      inputShape: classifier.inputShape,
      logits: (points: tf.Tensor4D) => {
        asked.push(Array.from(tf.tidy(() => points.dataSync())));
        return classifier.logits(points);
      },
      dispose: () => classifier.dispose(),
    },
    'reference',
  );
  const traces: number[][] = [];
  const attackRun = {
    rng: new Rng('squares'),
    signal: new AbortController().signal,
    batchSize: 8,
    sources: new Map(),
    trace: (i: number, left: number) => traces.push([i, left]),
  };
  const attack = square.create(square.params.parse({ queries: 25, restarts: 2 }));
  const before = tf.memory().numTensors;
  const found = await attack.perturb({ x, y, labels, ids }, target, { norm: 'Linf', eps: 8 / 255 }, attackRun);
  const points = Array.from(found.dataSync());
  expect(tf.memory().numTensors).toBe(before + 1);
  tf.dispose([found, x, y]);
  classifier.dispose();
  return { asked, traces, points };
}

const unregister = () => {
  for (const { kernelName, backendName } of proposals)
    if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
};
const register = () => {
  for (const kernel of proposals) if (!tf.getKernel(kernel.kernelName, kernel.backendName)) tf.registerKernel(kernel);
};

describe.skipIf(!findBuilt())('on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });
  afterEach(testDevice === 'cpu' ? unregister : register);

  test('points are written on a device, and in this process where that computes', () => {
    expect(writesSquares()).toBe(testDevice !== 'cpu');
  });

  test('every point asked about and all that is found are the same', { timeout: 120_000 }, async () => {
    unregister();
    const here = await run();
    register();
    const there = await run();
    expect(there.asked.length).toBe(here.asked.length);
    expect(there).toEqual(here);
    const left = here.traces.map(([, n]) => n as number);
    // some break on the way, and some never do
    expect(left[0]).toBeGreaterThan(left.at(-1) as number);
    expect(left.at(-1)).toBeGreaterThan(0);
  });

  test('what was drawn for another number of points is refused', () => {
    const { ops } = tf.backend() as TorchBackend;
    const slot = (t: tf.Tensor) => (tf.backend() as TorchBackend).slot(t);
    const [x, drawn, rows, columns] = [tf.ones([2, 4, 5, 3]), tf.ones([6, 3]), tf.ones([1, 4, 1, 1]), tf.ones([1, 1, 5, 1])].map(slot) as [
      number,
      number,
      number,
      number,
    ];
    expect(() => ops.squareStep(x, x, x, x, drawn, rows, columns)).toThrow(/squareStep.*float32 \[6, 2\], got float32 \[6, 3\]/);
  });
});
