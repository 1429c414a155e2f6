/** What the addon's libraries are told of threads, and what those do. */
import { beforeAll, describe, expect, test } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt, threadSettings } from '../../engines/torch/load.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenNetwork, largestDifference } from '../golden.ts';
import { testDevice } from './device.ts';

const roomy = { beside: 0, processors: 8 };

test('threads wait passively after a spin, and as many run as were asked for, whatever was set', () => {
  expect(threadSettings(3, { OMP_NUM_THREADS: '8', OPENBLAS_NUM_THREADS: '8', MKL_NUM_THREADS: '8' }, roomy)).toEqual({
    OMP_WAIT_POLICY: 'passive',
    GOMP_SPINCOUNT: '300000',
    OPENBLAS_THREAD_TIMEOUT: '4',
    OMP_NUM_THREADS: '3',
    OPENBLAS_NUM_THREADS: '3',
    MKL_NUM_THREADS: '3',
  });
});

test.each([
  [2, 0, 2, '300000'],
  [2, 1, 4, '300000'],
  [2, 1, 3, '2000'],
  [3, 0, 2, '2000'],
])('%d threads with %d workers beside them on %d processors spin for %s', (threads, beside, processors, spin) => {
  expect(threadSettings(threads, {}, { beside, processors }).GOMP_SPINCOUNT).toBe(spin);
});

test('a policy of the user decides alone how long threads spin', () => {
  const settings = threadSettings(2, { OMP_WAIT_POLICY: 'active' }, roomy);
  expect(settings).not.toHaveProperty('OMP_WAIT_POLICY');
  expect(settings).not.toHaveProperty('GOMP_SPINCOUNT');
});

test('counts of the user stay', () => {
  const settings = threadSettings(2, { GOMP_SPINCOUNT: '7', OPENBLAS_THREAD_TIMEOUT: '26' }, roomy);
  expect(settings).toMatchObject({ OMP_WAIT_POLICY: 'passive', GOMP_SPINCOUNT: '7', OPENBLAS_THREAD_TIMEOUT: '26' });
});

describe.skipIf(!findBuilt())('two threads', () => {
  beforeAll(async () => {
    await torch.init({ threads: 2, device: testDevice });
  });

  // 16 images are a piece: fewer than two each share the layers, 41 are pieces of other sizes
  test.each([64, 41, 32, 31, 16, 3])(
    'take a frozen forward pass of %i images through its layers to the logits of each image alone',
    (n) => {
      const frozen = goldenNetwork().freeze();
      const { x } = goldenBatch(n);
      const logits = frozen.logits(x);
      const alone = tf.concat(Array.from({ length: n }, (_, i) => frozen.logits(x.slice([i, 0, 0, 0], [1, -1, -1, -1]))));
      expect(logits.shape).toEqual([n, 10]);
      expect(largestDifference(logits, alone)).toBeLessThan(1e-4);
      for (let run = 0; run < 20; run++) expect(largestDifference(frozen.logits(x), logits)).toBe(0);
    },
  );

  test('leave nothing allocated', () => {
    const frozen = goldenNetwork().freeze();
    const { x } = goldenBatch(64);
    frozen.logits(x).dispose();
    const before = tf.memory().numTensors;
    for (let run = 0; run < 50; run++) frozen.logits(x).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
