import { beforeAll, expect, test } from 'vitest';
import type { AttackPlugin } from '../../attacks/attack.ts';
import featurePgd from '../../attacks/feature-pgd.ts';
import hopskipjump from '../../attacks/hopskipjump.ts';
import multiTargeted from '../../attacks/multi-targeted.ts';
import pgd from '../../attacks/pgd.ts';
import rays from '../../attacks/rays.ts';
import square from '../../attacks/square.ts';
import { createTarget } from '../../attacks/target.ts';
import { wasm } from '../../engines/wasm/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenNetwork } from '../golden.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

const CASES: [AttackPlugin, Record<string, unknown>][] = [
  [pgd, { steps: 4, restarts: 2 }],
  [multiTargeted, { steps: 2, targets: 3 }],
  [featurePgd, { steps: 4, restarts: 2 }],
  [square, { queries: 12 }],
  [hopskipjump, { queries: 60, probes: 10 }],
  [rays, { queries: 30 }],
];

test.each(CASES.map(([plugin, params]) => ({ name: plugin.name, plugin, params })))(
  '$name on a convolutional network: the same bits in passes of 20 and of 3, and in reverse order',
  async ({ plugin, params }) => {
    const { x, y, labels, ids } = goldenBatch(20);
    const target = createTarget(goldenNetwork().freeze('fp32', { features: true }), 'reference');
    const attack = plugin.create(plugin.params.parse(params));
    const perturb = (rows: number[], batchSize: number) => {
      const pick = (from: Int32Array) => Int32Array.from(rows, (r) => from[r] as number);
      return attack.perturb(
        { x: tf.gather(x, rows), y: tf.gather(y, rows), labels: pick(labels), ids: pick(ids) },
        target,
        { norm: 'Linf', eps: 8 / 255 },
        { rng: new Rng('bits'), signal: new AbortController().signal, batchSize, sources: new Map() },
      );
    };
    const rows = Array.from({ length: 20 }, (_, i) => i);
    const whole = await perturb(rows, 20);
    const parts = await perturb([...rows].reverse(), 3);
    expect(Array.from(tf.reverse(parts, 0).dataSync())).toEqual(Array.from(whole.dataSync()));
  },
);
