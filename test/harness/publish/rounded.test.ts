import { beforeAll, expect, test } from 'vitest';
import type { Threat } from '../../../attacks/attack.ts';
import { attack as attackNamed } from '../../../attacks/index.ts';
import { heldSplit } from '../../../datasets/split.ts';
import { wasm } from '../../../engines/wasm/index.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import { predictClean } from '../../../harness/evaluate/predict.ts';
import { publish } from '../../../harness/publish/publish.ts';
import { roundedPoints } from '../../../harness/publish/rounded.ts';
import { parseOriginals, parsePoints } from '../../../records/published/images.ts';
import { norm } from '../../../tensor/norms/index.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { goldenBatch, goldenNetwork } from '../../golden.ts';
import { threshold } from '../toy.ts';

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

const N = 24;
const SIZE = 32 * 32 * 3;

/** What is kept of an attack on the golden network, as its files have it; `finer` is added to every value, so that images are no bytes. */
async function published(
  name: string,
  params: Record<string, unknown>,
  threat: Threat,
  { weights = 'model' as 'model' | 'model-standard', finer = 0 } = {},
) {
  const { x, labels } = goldenBatch(N);
  const pixels = Float32Array.from(await x.data(), (v) => Math.min(1, v + finer));
  const split = heldSplit({ images: Uint8Array.from(pixels, (v) => Math.round(255 * v)), labels });
  const read = async (places: readonly number[]) => Float32Array.from(places.flatMap((i) => [...pixels.slice(i * SIZE, (i + 1) * SIZE)]));
  const data = { ...split, ...(finer && { read }), shape: [32, 32, 3] as const };
  const classifier = goldenNetwork(weights).freeze('fp32');
  const subject = { classifier, name: 'golden', rng: new Rng('cell') };
  const plugin = attackNamed(name);
  const input = {
    ...subject,
    attack: plugin,
    params: plugin.params.parse(params),
    threat,
    data,
    clean: (await predictClean(subject, data, N)).robust,
    batchSize: 16,
    sources: new Map(),
    signal: new AbortController().signal,
    keepAmong: N,
  };
  const evaluation = await evaluate(input);
  if (!evaluation.examples) throw new Error('nothing was kept');
  const files: Uint8Array[] = [];
  const putImages = async (bytes: Uint8Array) => String(files.push(bytes) - 1);
  const said = await publish(N, evaluation.examples, { ...input, isBounded: true }, { mean: [0, 0, 0], std: [1, 1, 1] }, { putImages });
  const [originals, points] = [said.originals, said.points].map((at) => files[Number(at)] as Uint8Array) as [Uint8Array, Uint8Array];
  const blocks = parsePoints(points, { n: N, outcomes: { ...evaluation, labels: [...labels] } });
  return { evaluation, classifier, labels, originals: parseOriginals(originals), bytes: points.length, blocks };
}

/** In double precision, by the definition. */
function distanceOf(norm: Threat['norm'], a: Float32Array, b: Float32Array): number {
  const moved = Array.from(a, (v, i) => Math.abs(v - (b[i] as number)));
  if (norm === 'Linf') return Math.max(...moved);
  return norm === 'L2' ? Math.hypot(...moved) : moved.reduce((x, y) => x + y, 0);
}

const few = { steps: 4 };
const cases: [string, Record<string, unknown>, Threat, Parameters<typeof published>[3]?][] = [
  ['pgd', few, { norm: 'Linf', eps: 8 / 255 }],
  ['pgd', few, { norm: 'Linf', eps: 0.031 }],
  ['pgd', few, { norm: 'Linf', eps: 1.5 / 255 }, { weights: 'model-standard' }],
  ['pgd', few, { norm: 'Linf', eps: 8 / 255 }, { finer: 0.4 / 255 }],
  ['square', { queries: 20 }, { norm: 'Linf', eps: 8 / 255 }],
  ['apgd-ce', { iterations: 5 }, { norm: 'L2', eps: 0.5 }],
  ['apgd-ce', { iterations: 5 }, { norm: 'L2', eps: 0.2 }, { weights: 'model-standard' }],
  ['apgd-ce', { iterations: 5 }, { norm: 'L1', eps: 12 }],
  ['fab', { iterations: 5 }, { norm: 'Linf', eps: 8 / 255 }],
  ['fmn', { steps: 10 }, { norm: 'L2', eps: 0.5 }],
];

test.each(cases)(
  'what %s %o left in %o is still wrong and still in the ball when it is read again',
  async (name, params, threat, setup = {}) => {
    const { evaluation, classifier, labels, originals, bytes, blocks } = await published(name, params, threat, setup);
    expect(originals.encoding).toBe(setup.finer ? 'f32' : 'u8');
    const broken = [...evaluation.robust].flatMap((r, id) => (r === '0' && (evaluation.distances[id] as number) > 0 ? [id] : []));
    expect(broken.length).toBeGreaterThan(2);
    expect(blocks.flatMap(({ ids }) => ids).sort((a, b) => a - b)).toEqual(broken);
    for (const { ids, pixels } of blocks) {
      const x = tf.tensor4d(pixels, [ids.length, 32, 32, 3]);
      const predicted = await tf.tidy(() => classifier.logits(x).argMax(1)).data();
      for (const [k, id] of ids.entries()) {
        const [point, origin] = [pixels.subarray(k * SIZE, (k + 1) * SIZE), originals.pixels.subarray(id * SIZE, (id + 1) * SIZE)];
        expect(predicted[k]).not.toBe(labels[id]);
        // float32 holds no ball exactly: some 2^-22 of a value, as they add up
        const slack = 1e-5 * threat.eps + norm(threat.norm).ofOnes(SIZE) * 2 ** -22;
        expect(distanceOf(threat.norm, point, origin)).toBeLessThanOrEqual(threat.eps + slack);
        expect(point.every((v) => v >= 0 && v <= 1)).toBe(true);
      }
    }
    // under 5 kB an image, with its share of the header, where the ball is wider than the steps of bytes
    expect(bytes / broken.length).toBeLessThan(setup.weights ? 4 * SIZE + 500 : 5000);
  },
);

/** One pixel, whose class is 1 above 127.5 / 255: attacked from `origin` to `value`, in 255ths. */
async function one(origin: number, value: number, eps: number, asked?: { sent: number; kept: number }) {
  const [point] = await roundedPoints({
    images: [0],
    labels: [origin > 127.5 ? 1 : 0],
    shape: [1, 1, 1],
    clean: Float32Array.of(origin / 255),
    adversarial: Float32Array.of(value / 255),
    threat: { norm: 'Linf', eps: eps / 255 },
    subject: { classifier: { ...threshold(), ...(asked && { asked }) }, name: 'threshold', rng: new Rng('cell') },
    batchSize: 4,
  });
  return [point?.encoding, (point?.values[0] ?? 0) * 255] as const;
}

test('bytes where one is in the ball and beyond the boundary, then half precision, and float32 where nothing shorter is both', async () => {
  const close = (value: number) => expect.closeTo(value, 4);
  expect(await one(120, 127.9, 8)).toEqual(['u8', close(128)]);
  // the nearest byte is beyond the boundary by itself
  expect(await one(135, 127.48, 8)).toEqual(['u8', close(127)]);
  // 128 is out of the ball and 127 on the right side again; half precision has 0.5 + 2^-11
  expect(await one(120, 127.6, 7.7)).toEqual(['f16', close(127.5 + 255 * 2 ** -11)]);
  // that is out of the ball too, and 0.5 is on the boundary
  expect(await one(120, 127.51, 7.6)).toEqual(['f32', close(127.51)]);
});

test('a model that is asked over a network is asked nothing: bytes where the point has them', async () => {
  const asked = { sent: 0, kept: 0 };
  expect(await one(120, 128, 8, asked)).toEqual(['u8', expect.closeTo(128, 4)]);
  expect((await one(120, 127.9, 8, asked))[0]).toBe('f32');
});
