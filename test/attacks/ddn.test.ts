import { expect, test } from 'vitest';
import ddn from '../../attacks/ddn.ts';
import { createTarget } from '../../attacks/target.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';
import { randomLinear } from '../contract/linear.ts';

testAttack(ddn, { steps: 30 });

test('levels: points lie on the grey levels', async () => {
  await tf.setBackend('cpu');
  const classifier = randomLinear([4, 4, 1], 3, new Rng('levels'));
  const x = tf.tensor4d(
    new Rng('images').uniform(64, 0, 256).map((v) => Math.floor(v) / 255),
    [4, 4, 4, 1],
  );
  const y = classifier.logits(x).argMax(1).cast('int32') as tf.Tensor1D;
  const batch = { x, y, labels: y.dataSync() as Int32Array, ids: Int32Array.of(0, 1, 2, 3) };
  const run = { rng: new Rng('run'), signal: new AbortController().signal, batchSize: 4, sources: new Map() };
  const attack = ddn.create(ddn.params.parse({ steps: 20, levels: 256 }));
  const found = await attack.perturb(batch, createTarget(classifier, 'linear'), { norm: 'L2', eps: 4 }, run);
  for (const v of found.dataSync()) expect(Math.abs(v * 255 - Math.round(v * 255))).toBeLessThan(1e-4);
  expect(found.sub(x).abs().max().dataSync()[0]).toBeGreaterThan(0.5 / 255);
});
