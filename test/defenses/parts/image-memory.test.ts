/** What FGSM-PGI remembers of images: rows by id, what a checkpoint keeps, and where an image starts anew. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { TrainingBatch, TrainingContext, TrainingDefense } from '../../../defenses/defense.ts';
import { defense } from '../../../defenses/index.ts';
import { ImageMemory } from '../../../defenses/parts/image-memory.ts';
import { engine } from '../../../engines/index.ts';
import { createNetwork } from '../../../models/index.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await engine('wasm').init({ threads: 1, device: 'cpu' });
});

describe('the memory', () => {
  const made = () => new ImageMemory('m', ['a', 'b'], 3, [1, 2, 1]);
  test('has rows by id, whatever their order, and one name leaves the other alone', () => {
    const memory = made();
    memory.write('a', Int32Array.of(2, 0), [1, 2, 3, 4]);
    expect([...memory.read('a', Int32Array.of(0, 1, 2)).dataSync()]).toEqual([3, 4, 0, 0, 1, 2]);
    expect([...memory.read('b', Int32Array.of(2)).dataSync()]).toEqual([0, 0]);
  });
  test('goes on from its state, bit for bit', () => {
    const memory = made();
    memory.write('b', Int32Array.of(1), [Math.fround(0.1), -0]);
    const other = made();
    other.restore(memory.state());
    expect(other.state()).toEqual({
      a: { shape: [3, 1, 2, 1], data: new Float32Array(6) },
      b: { shape: [3, 1, 2, 1], data: Float32Array.of(0, 0, 0.1, -0, 0, 0) },
    });
  });
  test('refuses the state of other images', () => {
    const of = (n: number) => ({ shape: [n], data: new Float32Array(n) });
    expect(() => made().restore({ a: of(6), b: of(4) })).toThrow('[state b] expected 6 numbers, got 4');
    expect(() => made().restore({ a: of(6) })).toThrow('[state b] expected 6 numbers, got none');
  });
  test('says how large it would be where no checkpoint holds it', () =>
    // Tiny-ImageNet: 4 bytes, twice, of 98,000 images of 64x64x3
    expect(() => new ImageMemory('m', ['a', 'b'], 98_000, [64, 64, 3])).toThrow(
      '[defense m] remembers a and b of 98000 images of 64x64x3: 9.0 GiB, and a checkpoint holds 1.75',
    ));
});

describe('FGSM-PGI', () => {
  const network = createNetwork('cnn-small', { inputShape: [8, 8, 3], classes: 2, mean: [0, 0, 0], std: [1, 1, 1] }, new Rng('n'));
  const plugin = defense('fgsm-pgi') as TrainingDefense;
  const threat = { norm: 'Linf', eps: 0.1 } as const;
  const setup = { network, threat, rng: new Rng('unused'), batchSize: 2, images: 4, epochs: 9 };
  /** Starts relative to the images, `[n,8,8,3]` grey, where the gradient of every value is `slope`. */
  const crafting = (given: Record<string, unknown> = {}) => {
    const training = plugin.create(plugin.params.parse(given), setup);
    const startsOf = async (ids: number[], epoch: number, slope: number): Promise<number[]> => {
      const x = tf.fill([ids.length, 8, 8, 3], 0.5) as tf.Tensor4D;
      const y = tf.tensor1d(ids, 'int32');
      const gradient = () => ({ loss: y, logits: y, grad: tf.fill(x.shape, slope) });
      const ctx = { trainingTarget: { gradient }, losses: () => {}, epoch } as unknown as TrainingContext;
      const batch: TrainingBatch = { x, y, labels: Int32Array.from(ids), ids: Int32Array.from(ids), rng: new Rng(`${epoch} ${ids}`) };
      const { start } = (await training.craft(batch, ctx)) as { start: tf.Tensor };
      return [...start.sub(x).dataSync()].map((v) => Math.round(v * 1e4) / 1e4);
    };
    return { training, startsOf };
  };

  test('starts every image at a random corner, and goes on where its own step led', async () => {
    const { startsOf } = crafting();
    const first = await startsOf([0, 3], 0, 1);
    expect(new Set(first)).toEqual(new Set([-0.1, 0.1]));
    // one step up from a corner: the opposite side is reached from above, zero from below
    const up = (v: number) => (v > 0 ? 0.1 : 0);
    expect(await startsOf([3, 0], 1, 1)).toEqual([...first.slice(192), ...first.slice(0, 192)].map(up));
    expect(new Set(await startsOf([1, 2], 1, 1))).toEqual(new Set([-0.1, 0.1]));
  });

  test('the momentum outlasts a gradient of less than its share, and none when it does not stay', async () => {
    for (const [decay, second] of [
      [0.9, 0.1],
      [0, 0],
    ] as const) {
      const { startsOf } = crafting({ decay, alpha: 1 });
      await startsOf([0], 0, 1);
      // up to the top, whatever the corner was
      await startsOf([0], 1, 1);
      expect(new Set(await startsOf([0], 2, -1))).toEqual(new Set([0.1]));
      // the gradient is normalised to 1 / 192 each: -1 / 192 against 0.9 (1 + 0.9) / 192 stays up
      expect(new Set(await startsOf([0], 3, 1))).toEqual(new Set([second]));
    }
  });

  test('forgets all after as many epochs as it resets', async () => {
    const { startsOf } = crafting({ reset: 2 });
    await startsOf([0], 0, 1);
    await startsOf([0], 1, 1);
    expect(new Set(await startsOf([0], 2, 1))).toEqual(new Set([-0.1, 0.1]));
  });

  test('a resumed training knows where its images were', async () => {
    const { training, startsOf } = crafting();
    await startsOf([0], 0, 1);
    await startsOf([0], 1, 1);
    const other = crafting();
    other.training.restore?.(structuredClone(training.state?.() ?? {}));
    expect(new Set(await other.startsOf([0], 2, 1))).toEqual(new Set([0.1]));
    expect(new Set(await other.startsOf([1], 2, 1))).toEqual(new Set([-0.1, 0.1]));
  });
});
