import { beforeAll, describe, expect, test } from 'vitest';
import sigmaZero from '../../attacks/sigma-zero.ts';
import { createTarget } from '../../attacks/target.ts';
import type { Classifier } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';
import { goldenJson } from '../golden.ts';
import { startEngine } from './engine.ts';

testAttack(sigmaZero, { steps: 40 });

/** `sigma_zero_given` of `bench/sigma_zero_peer.py`: the authors' run in float64. */
interface Given {
  steps: number;
  /** The 144 weights of the model, in 128ths. */
  table: number[];
  /** Values in 64ths, `[c,h,w]`. */
  images: number[][];
  labels: number[];
  /** At every step: how many values of each image are changed. */
  changed: number[][];
  /** And by some steps, the points that are asked about. */
  points: Record<string, number[][]>;
}

const VALUES = 48;

/** Three linear classes whose weights are others at every call, and exact in float32, as are their differences, the gradients. */
function givenGradients(table: readonly number[]): Classifier & { seen: Float32Array[] } {
  const weights = (call: number) =>
    tf.tensor2d(
      table.map((w, i) => w / 128 + (table[(i + 7 * call) % table.length] as number) / 128 / 16),
      [3, VALUES],
    );
  const seen: Float32Array[] = [];
  return {
    classes: 3,
    inputShape: [4, 4, 3],
    seen,
    logits: () => {
      throw new Error('sigma-zero asks for gradients alone');
    },
    linearize(x) {
      const w = weights(seen.length);
      const rows = tf.tidy(() => x.transpose([0, 3, 1, 2]).reshape([-1, VALUES])) as tf.Tensor2D;
      seen.push(rows.dataSync() as Float32Array);
      const logits = tf.matMul(rows, w, false, true) as tf.Tensor2D;
      rows.dispose();
      return {
        logits,
        pullback: (d) => tf.tidy(() => tf.matMul(d, w).reshape([-1, 3, 4, 4]).transpose([0, 2, 3, 1])) as tf.Tensor4D,
        dispose: () => tf.dispose([logits, w]),
      };
    },
    dispose: () => {},
  };
}

describe('of given gradients', () => {
  const { steps, table, images, labels, changed, points } = goldenJson('minimum-norm').sigma_zero_given as unknown as Given;
  let seen: Float32Array[];

  beforeAll(async () => {
    await startEngine();
    const model = givenGradients(table);
    const x = tf.tidy(() => tf.tensor(images).div(64).reshape([-1, 3, 4, 4]).transpose([0, 2, 3, 1])) as tf.Tensor4D;
    const batch = { x, y: tf.tensor1d(labels, 'int32'), labels: Int32Array.from(labels), ids: Int32Array.from(labels.keys()) };
    const run = { rng: new Rng('given'), signal: new AbortController().signal, batchSize: images.length, sources: new Map() };
    const attack = sigmaZero.create(sigmaZero.params.parse({ steps }));
    await attack.perturb(batch, createTarget(model, 'given'), { norm: 'L0', eps: VALUES }, run);
    seen = model.seen;
  }, 300_000);

  test('the authors ask about points with as many changed values, at every one of 1,000 steps', () => {
    const counts = seen.map((point) =>
      images.map((image, n) => image.filter((v, i) => point[n * VALUES + i] !== Math.fround(v / 64)).length),
    );
    expect(counts).toEqual(changed);
  });

  test.each(Object.entries(points))('step %s asks about their points', (at, rows) => {
    const point = seen[Number(at)] as Float32Array;
    const off = rows.flat().map((v, i) => Math.abs((point[i] as number) - v));
    expect(Math.max(...off)).toBeLessThan(1e-3);
  });
});
