/** An attack in the page is the attack of the harness: the same outcomes and points, seen on the way. */
import { beforeAll, expect, it } from 'vitest';
import { attack as attackNamed } from '../../attacks/index.ts';
import { attackLive, type LiveInput, type Step } from '../../browser/live.ts';
import { heldSplit } from '../../datasets/split.ts';
import { start } from '../../engines/wasm/start.ts';
import { evaluate } from '../../harness/evaluate/evaluate.ts';
import type { Classifier } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenNetwork } from '../golden.ts';

const N = 6;
const EPS = 8 / 255;
let classifier: Classifier;
let pixels: Float32Array;
let labels: Int32Array;

beforeAll(async () => {
  await start();
  const network = goldenNetwork();
  classifier = network.freeze();
  const batch = goldenBatch(N);
  pixels = Float32Array.from(batch.x.dataSync());
  labels = batch.labels;
  tf.dispose([batch.x, batch.y]);
  network.dispose();
});

function live(image: number, name: string, params: Record<string, unknown>, more: Partial<LiveInput> = {}) {
  const steps: (Step & { at: Float32Array })[] = [];
  const result = attackLive({
    classifier,
    name: 'golden',
    pixels: pixels.subarray(image * 3072, (image + 1) * 3072),
    label: labels[image] as number,
    image,
    attack: { name, params },
    threat: { norm: 'Linf', eps: EPS },
    seed: '7',
    signal: new AbortController().signal,
    step: (step) => void steps.push({ ...step, at: step.point() }),
    ...more,
  });
  return result.then((ended) => ({ ...ended, steps }));
}

it.each([
  ['fgsm', {}],
  ['pgd', { steps: 10, restarts: 2 }],
  ['apgd-ce', { iterations: 10 }],
  ['square', { queries: 60 }],
] as const)('%s ends as in the harness, image by image', async (name, params) => {
  const before = tf.memory().numTensors;
  const plugin = attackNamed(name);
  const data = { ...heldSplit({ images: Uint8Array.from(pixels, (v) => Math.round(v * 255)), labels }), shape: [32, 32, 3] as const };
  const clean = Array.from(labels, (label, i) => {
    const x = tf.tensor4d(pixels.subarray(i * 3072, (i + 1) * 3072), [1, 32, 32, 3]);
    const right = tf.tidy(() => classifier.logits(x).argMax(1).dataSync()[0]) === label;
    x.dispose();
    return right ? '1' : '0';
  }).join('');
  const { robust, distances, examples } = await evaluate({
    classifier,
    name: 'golden',
    attack: plugin,
    params: plugin.params.parse(params),
    threat: { norm: 'Linf', eps: EPS },
    data,
    clean,
    rng: new Rng('7'),
    batchSize: 4,
    sources: new Map(),
    signal: new AbortController().signal,
    keepExamples: N,
  });
  const outcomes: string[] = [];
  for (let i = 0; i < N; i++) {
    const { outcome, distance, point, steps, passes } = await live(i, name, params);
    outcomes.push(outcome);
    if (outcome === 'wrong') continue;
    expect(distance).toBeCloseTo(distances[i] as number, 5);
    expect(steps.length).toBe(passes.forward);
    const place = examples?.ids.indexOf(i) ?? -1;
    if (outcome !== 'broken') continue;
    const kept = examples?.adversarial.subarray(place * 3072, (place + 1) * 3072) as Float32Array;
    expect(Math.max(...point.map((v, j) => Math.abs(v - (kept[j] as number))))).toBeLessThan(1e-4);
    // the point at which the search ended was seen to be wrong
    expect(steps.at(-1)?.loss).toBeGreaterThan(0);
  }
  expect(outcomes.map((o) => (o === 'robust' ? '1' : '0')).join('')).toBe(robust);
  expect(outcomes).toContain('wrong');
  expect(outcomes).toContain('broken');
  expect(tf.memory().numTensors).toBe(before);
});

it('shows every point inside of the ball, its probabilities, and its loss', async () => {
  const { steps } = await live(0, 'pgd', { steps: 5 }, { threat: { norm: 'L2', eps: 0.05 } });
  expect(steps.map(({ pass }) => pass)).toEqual(steps.map((_, i) => i + 1));
  for (const { at, probabilities, loss } of steps) {
    const far = Math.hypot(...at.map((v, i) => v - (pixels[i] as number)));
    expect(far).toBeLessThan(0.05 + 1e-4);
    expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    const right = probabilities[labels[0] as number] as number;
    const other = Math.max(...probabilities.filter((_, c) => c !== labels[0]));
    expect(loss).toBeCloseTo(Math.log(other / right), 3);
  }
});

it('says what does not fit', async () => {
  await expect(live(0, 'fgsm', {}, { threat: { norm: 'L1', eps: 1 } })).rejects.toThrow(
    /\[attack fgsm\] expected a norm of Linf, L2, got L1/,
  );
  await expect(live(0, 'pgd', { steps: 0 })).rejects.toThrow(/\[attack pgd\] steps/);
  await expect(live(0, 'autoattack', {})).rejects.toThrow(/choose one/);
  await expect(live(0, 'pgdd', {})).rejects.toThrow(/did you mean "pgd"/);
});

it('stops when it is told to', async () => {
  const stop = new AbortController();
  const step = ({ pass }: Step) => {
    if (pass === 3) stop.abort(new Error('stopped'));
  };
  await expect(live(4, 'square', { queries: 5000 }, { signal: stop.signal, step, threat: { norm: 'Linf', eps: 1e-4 } })).rejects.toThrow(
    'stopped',
  );
});
