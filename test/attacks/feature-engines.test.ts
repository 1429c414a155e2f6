/** PGD on features of a convolutional network: the engines take the same steps. */
import { expect, test } from 'vitest';
import featurePgd from '../../attacks/feature-pgd.ts';
import { createTarget } from '../../attacks/target.ts';
import type { Engine } from '../../engines/engine.ts';
import { torch } from '../../engines/torch/index.ts';
import { wasm } from '../../engines/wasm/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { goldenBatch, goldenNetwork } from '../golden.ts';

const { usable } = await torch.probe();

/** What three steps toward the nearest guide make of eight images; those that break come back as they broke. */
async function pointsOn(engine: Engine, loss: object): Promise<{ choice: string; points: Float32Array }> {
  await engine.init({ threads: 1, device: 'cpu' });
  const batch = goldenBatch(8);
  const target = createTarget(goldenNetwork().freeze('fp32', { features: true }), 'golden');
  const run = { rng: new Rng('engines'), signal: new AbortController().signal, batchSize: 8, sources: new Map() };
  const threat = { norm: 'Linf', eps: 0.25 } as const;
  const attack = featurePgd.create(featurePgd.params.parse({ steps: 3, restarts: 1, ...loss }));
  const fitted = await attack.fit?.(goldenBatch(16), target, threat, run);
  const found = await fitted?.attack.perturb(batch, target, threat, run);
  return { choice: fitted?.choice ?? 'none', points: Float32Array.from(found?.dataSync() ?? []) };
}

test.skipIf(!usable).each([{ crossEntropy: 0 }, { crossEntropy: 0.5, metric: 'cosine' }])(
  'torch reaches the points of wasm on 99 of 100 pixels, with $crossEntropy of cross-entropy',
  { timeout: 180_000 },
  async (loss) => {
    const [one, other] = [await pointsOn(wasm, loss), await pointsOn(torch, loss)];
    expect(other.choice).toBe(one.choice);
    expect(one.points.length).toBe(8 * 32 * 32 * 3);
    // most of them broke: they are not the images themselves
    const images = goldenBatch(8).x.dataSync();
    expect(one.points.filter((v, i) => v !== images[i]).length).toBeGreaterThan(one.points.length / 2);
    const near = one.points.filter((v, i) => Math.abs(v - (other.points[i] as number)) <= 1e-5).length;
    expect(near / one.points.length).toBeGreaterThanOrEqual(0.99);
  },
);
