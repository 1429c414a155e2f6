/** A diagnosis: the same whatever the batch size, resumed where it was broken off, with its passes counted, and what it is not made of. */
import { beforeAll, expect, test } from 'vitest';
import { attack } from '../../../attacks/index.ts';
import { heldSplit } from '../../../datasets/split.ts';
import resizePad from '../../../defenses/random-resize-pad.ts';
import { type DiagnosisInput, diagnose } from '../../../harness/diagnosis/diagnose.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { findingsOf } from '../../../records/masking/checks.ts';
import { type Diagnosis, diagnosisSchema, type Measured } from '../../../records/masking/diagnosis.ts';
import { Rng } from '../../../tensor/rng.ts';
import { type Shape, tf } from '../../../tensor/tf.ts';
import { linearClassifier, randomLinear } from '../../contract/linear.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const SHAPE: Shape = [4, 4, 3];
const N = 12;

const linear = () => randomLinear(SHAPE, 5, new Rng('linear'));

/** Images between 0.3 and 0.7, labelled by `linear`; one in three is wrong on purpose. */
function input(more: Partial<DiagnosisInput> = {}): DiagnosisInput {
  const images = Uint8Array.from(new Rng('images').uniform(N * 48, 77, 179));
  const model = linear();
  const x = tf.tensor4d(
    Float32Array.from(images, (v) => v / 255),
    [N, ...SHAPE],
  );
  const logits = model.logits(x);
  const labels = Int32Array.from(logits.argMax(1).dataSync());
  tf.dispose([x, logits]);
  return {
    classifier: model,
    name: 'linear',
    rng: new Rng('cell'),
    data: { ...heldSplit({ images, labels }), shape: SHAPE, indices: Array.from({ length: N }, (_, i) => 10 + i) },
    clean: '110'.repeat(4),
    images: 6,
    standIn: false,
    threat: { norm: 'Linf', eps: 0.02 },
    batchSize: 4,
    signal: new AbortController().signal,
    lookup: attack,
    ...more,
  };
}

const done = (found: Diagnosis): Omit<Measured, 'wallMs'> => {
  if (found.status !== 'done') throw new Error(found.reason);
  const { wallMs: _, ...rest } = found;
  return rest;
};

test('it is of the first images that are right, and a linear model trips no check', async () => {
  const found = done(await diagnose(input()));
  expect(found.images).toEqual([10, 11, 13, 14, 16, 17]);
  expect(found.differences).toMatchObject({ images: 6, pairs: 18, decided: 18, agree: 18 });
  expect(found.repeats).toEqual({ passes: 4, spread: 0, changed: 0 });
  expect(found.probes?.radii.map(({ eps }) => eps)).toEqual([0.0736806, 0.271442, 1]);
  const loud = findingsOf({ ...found, wallMs: 0 }).filter(({ outcome }) => outcome !== 'clear');
  expect(loud).toEqual([]);
});

test('along its gradient the margin of a linear model of two classes rises as fast as its weights say', async () => {
  const weights = new Rng('two').normal(48 * 2);
  const model = linearClassifier(SHAPE, 2, weights);
  const images = new Uint8Array(48).fill(128);
  const x = tf.fill([1, ...SHAPE], 128 / 255) as tf.Tensor4D;
  const [a, b] = [...model.logits(x).dataSync()] as [number, number];
  const labels = Int32Array.from([a > b ? 0 : 1]);
  const data = { ...heldSplit({ images, labels }), shape: SHAPE };
  const eps = 0.01;
  const found = done(await diagnose(input({ classifier: model, data, clean: '1', images: 1, threat: { norm: 'Linf', eps } })));
  const slope = Array.from({ length: 48 }, (_, i) => Math.abs((weights[2 * i] as number) - (weights[2 * i + 1] as number))).reduce(
    (s, v) => s + v,
  );
  const range = Math.abs(a - b);
  const expected = [0, 0.25, 0.5, 1, 2].map((at) => -1 + (at * eps * slope) / range);
  found.lines?.gradient.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] as number, 3);
  });
  // the plane: at its middle the image, and one radius ahead what the line says
  const [surface] = found.surfaces ?? [];
  expect(surface?.values[4]?.[4]).toBeCloseTo(-1, 5);
  expect(surface?.values[8]?.[4]).toBeCloseTo(expected[3] as number, 3);
});

test('it is the same whatever the batch size', async () => {
  const of = async (batchSize: number) => done(await diagnose(input({ batchSize })));
  const [one, all] = [await of(1), await of(64)];
  expect(one).toEqual(all);
});

test('so is that of a random model, which says so', async () => {
  const random = () => resizePad.apply(resizePad.params.parse({ shrink: 1 }), linear());
  const of = async (batchSize: number) => done(await diagnose(input({ batchSize, classifier: random() })));
  const [few, all] = [await of(3), await of(64)];
  expect(few).toEqual(all);
  expect(all.declaredRandom).toBe(true);
  expect(findingsOf({ ...all, wallMs: 0 }).find(({ check }) => check === 'random-answers')?.outcome).toBe('sign');
});

test('broken off after each of its measurements it ends the same, and measures none of them again', async () => {
  const whole = done(await diagnose(input()));
  const saved: Uint8Array[] = [];
  await diagnose(input({ checkpoint: { load: async () => undefined, save: async (state) => void saved.push(state) } }));
  expect(saved).toHaveLength(6);
  for (const state of saved) {
    let asked = 0;
    const model = linear();
    const classifier: Classifier = {
      ...model,
      logits: (x) => {
        asked += x.shape[0];
        return model.logits(x);
      },
    };
    const resumed = await diagnose(input({ classifier, checkpoint: { load: async (decode) => decode(state), save: async () => {} } }));
    expect(done(resumed)).toEqual(whole);
    if (state === saved.at(-1)) expect(asked).toBe(0);
  }
});

test('a state that is none is refused', async () => {
  const of = (text: string) => diagnose(input({ checkpoint: { load: async (decode) => decode(Buffer.from(text)), save: async () => {} } }));
  await expect(of('{')).rejects.toThrow('is no state of a diagnosis');
  await expect(of('{"repeats":{"value":{"passes":-1}}}')).rejects.toThrow('is no state of a diagnosis');
});

test('its passes are those that the model was asked for', async () => {
  let forward = 0;
  const model = linear();
  const classifier: Classifier = {
    ...model,
    logits: (x) => {
      forward += x.shape[0];
      return model.logits(x);
    },
    linearize(x) {
      forward += x.shape[0];
      const logits = model.logits(x);
      const w = tf.tensor2d(model.weights, [48, 5]);
      return {
        logits,
        pullback: (dlogits) => tf.tidy(() => tf.matMul(dlogits, w, false, true).reshape(x.shape) as tf.Tensor4D),
        dispose: () => tf.dispose([logits, w]),
      };
    },
  };
  const { passes, probes } = done(await diagnose(input({ classifier })));
  // the harness's own passes that decide success are no part of an attack's
  const judging = 6 * (1 + 1 + (probes?.radii.length ?? 0));
  expect(forward).toBeGreaterThan(passes.forward);
  expect(forward - passes.forward).toBeLessThanOrEqual(judging + 2 * 6);
});

test('nothing is left allocated', async () => {
  const given = input();
  const before = tf.memory().numTensors;
  await diagnose(given);
  expect(tf.memory().numTensors).toBe(before);
});

test.each<[string, Partial<DiagnosisInput>, string]>([
  ['a model behind an endpoint', { classifier: { ...linear(), access: 'scores' } }, 'no gradient can be asked for'],
  ['one of one class', { classifier: { ...linear(), classes: 1 } }, 'it has one class'],
  // of five classes, a fifth and a tenth of the rest is 28 %
  ['one at chance', { clean: `111${'0'.repeat(N - 3)}` }, 'it is right on 3 of 12 images, hardly more than chance'],
])('nothing is measured of %s', async (_, more, reason) => {
  expect(await diagnose(input(more))).toEqual({ status: 'none', reason });
});

test('one that has learnt a little is looked at', async () => {
  expect(done(await diagnose(input({ clean: `1111${'0'.repeat(N - 4)}` }))).images).toHaveLength(4);
});

test('in a norm without gradient steps it is of answers and gradients alone', async () => {
  const found = done(await diagnose(input({ threat: { norm: 'L1', eps: 1 } })));
  expect(Object.keys(found)).not.toContain('probes');
  expect(diagnosisSchema.parse({ ...found, wallMs: 1 })).toMatchObject({ status: 'done' });
});
