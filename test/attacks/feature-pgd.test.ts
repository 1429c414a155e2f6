/** PGD on features, on linear models whose features are the pixels: where a step leads is known exactly. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { AttackRun, Batch } from '../../attacks/attack.ts';
import featurePgd from '../../attacks/feature-pgd.ts';
import { createTarget } from '../../attacks/target.ts';
import { evaluate } from '../../harness/evaluate/evaluate.ts';
import type { Classifier } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { testAttack } from '../contract/attack.ts';
import { linearClassifier } from '../contract/linear.ts';
import { input, pixels } from '../harness/toy.ts';

// halfway to an image of another class is not always across a border
testAttack(featurePgd, { steps: 8, restarts: 2, goal: 'toward', crossEntropy: 0 }, { strong: false });
testAttack(featurePgd, { steps: 8, eotIterations: 2, goal: 'away', metric: 'cosine', crossEntropy: 0 }, { strong: false });
testAttack(featurePgd, { steps: 8, restarts: 1 });

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const SHAPE = [1, 2, 1] as const;

/** Two pixels; class 1 where the second is more than 0.8, class 2 where the first is less than 0.1. */
const corner = () => linearClassifier(SHAPE, 3, Float32Array.of(0, 0, -1, 0, 1, 0), Float32Array.of(0, -0.8, 0.1));

function batchOf(classifier: Classifier, points: readonly (readonly [number, number])[]): Batch {
  const x = tf.tensor4d(points.flat(), [points.length, ...SHAPE]);
  const labels = Int32Array.from(tf.tidy(() => classifier.logits(x).argMax(1).dataSync()));
  return { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from(labels.keys()) };
}

/** A run that notes every point that was asked about. */
function watched(classifier: Classifier) {
  const asked: number[][] = [];
  const target = createTarget(classifier, 'victim');
  const { features } = target;
  if (!features) throw new Error('a linear model shows its features');
  const linearize: typeof features.linearize = (x, whose) => {
    asked.push(Array.from(x.dataSync()));
    return features.linearize(x, whose);
  };
  const run: AttackRun = { rng: new Rng('run'), signal: new AbortController().signal, batchSize: 4, sources: new Map() };
  return { asked, run, target: { ...target, features: { ...features, linearize } } };
}

describe('where it goes', () => {
  const params = { steps: 3, stepSize: 0.02, crossEntropy: 0 };
  /** A step of 0.02, kept within 0.1 of the image. */
  const stepped = (v: number, direction: number, image: number) => Math.min(image + 0.1, Math.max(image - 0.1, v + 0.02 * direction));

  test('toward: by sign steps to the nearest guide of another class, each restart to the next', async () => {
    const classifier = corner();
    const { asked, run, target } = watched(classifier);
    const attack = featurePgd.create(featurePgd.params.parse({ ...params, goal: 'toward', restarts: 2 }));
    // a guide of its own class is nearer than both; that of class 2 is the nearer of these
    const guides = batchOf(classifier, [
      [0.5, 0.5],
      [0.4, 0.95],
      [0.05, 0.3],
    ]);
    expect(Array.from(guides.labels)).toEqual([0, 1, 2]);
    const fitted = await attack.fit?.(guides, target, { norm: 'Linf', eps: 0.1 }, run);
    expect(fitted?.choice).toBe('3 guides');
    asked.length = 0;
    const found = await fitted?.attack.perturb(batchOf(classifier, [[0.45, 0.4]]), target, { norm: 'Linf', eps: 0.1 }, run);
    // nothing breaks: the image itself comes back
    expect(Array.from(found?.dataSync() ?? [])).toEqual([0.45, 0.4].map(Math.fround));
    // the image itself; then both restarts side by side
    const [clean, ...steps] = asked;
    expect(clean).toEqual([0.45, 0.4].map(Math.fround));
    expect(steps).toHaveLength(3);
    // to class 2 left and down, to class 1 left and up, as far as the ball goes
    const directions = [-1, -1, -1, 1];
    for (const i of [1, 2]) {
      const [before, after] = [steps[i - 1] as number[], steps[i] as number[]];
      after.forEach((v, k) => {
        expect(v).toBeCloseTo(stepped(before[k] as number, directions[k] as number, clean?.[k % 2] as number), 6);
      });
    }
  });

  test('away: by sign steps from the image, on the side where the random start lies', async () => {
    const classifier = corner();
    const { asked, run, target } = watched(classifier);
    const attack = featurePgd.create(featurePgd.params.parse({ ...params, goal: 'away', restarts: 1 }));
    await attack.perturb(batchOf(classifier, [[0.45, 0.4]]), target, { norm: 'Linf', eps: 0.1 }, run);
    const [clean, start, next] = asked as [number[], number[], number[]];
    start.forEach((v, k) => {
      const from = clean[k] as number;
      expect(next[k]).toBeCloseTo(stepped(v, Math.sign(v - from), from), 6);
    });
  });
});

/** The threshold at 0.5 of one pixel, which is its own feature. */
const threshold = () => linearClassifier([1, 1, 1], 2, Float32Array.of(-1, 1), Float32Array.of(0.5, -0.5));

describe('in the harness', () => {
  const given = {
    threat: { norm: 'Linf', eps: 0.2 },
    params: { steps: 4, restarts: 1, guides: 2, goal: 'toward', crossEntropy: 0 },
    classifier: threshold(),
  } as const;

  test('it breaks what lies in the ball on the way to a guide; guides cost overhead, and the record says how many', async () => {
    // 0.45 and 0.22, and the guide of class 1 at 0.8: the boundary is 0.05 and 0.28 away
    const data = pixels(115, 204, 56);
    const whole = await evaluate(input(featurePgd, data, given));
    expect(whole.robust).toBe('011');
    expect(whole.choice).toBe('2 guides');
    expect(whole.overhead).toEqual({ forward: 2, backward: 0 });
    const single = await evaluate(input(featurePgd, data, { ...given, batchSize: 1 }));
    expect({ ...single, overhead: undefined }).toEqual({ ...whole, overhead: undefined });
  });

  test('where all guides are of the class of the image it goes away from the image', async () => {
    const { robust, choice } = await evaluate(input(featurePgd, pixels(115, 102, 56), given));
    expect(choice).toBe('2 guides');
    // away from 0.45 and 0.4 is across the boundary or not, by the random start; never from 0.22
    expect(robust[2]).toBe('1');
  });

  test('a budget counts its passes: one for the features of the image, then a pass forward and back for every step', async () => {
    const params = { steps: 50, restarts: 1, goal: 'away', crossEntropy: 0 };
    const small = { params, budget: 1 + 2 * 3, threat: { norm: 'Linf', eps: 0.05 } } as const;
    const { passes, robust } = await evaluate(input(featurePgd, pixels(20), { ...given, ...small }));
    expect(robust).toBe('1');
    expect(passes).toEqual({ forward: 4, backward: 3 });
  });

  test('with a budget the error that a pass of features shows counts, whatever comes after', async () => {
    // four steps of 0.1 toward 0.8 cross 0.5 once; the budget ends there
    const near = {
      ...given,
      params: { ...given.params, steps: 4, stepSize: 0.1 },
      threat: { norm: 'Linf', eps: 0.4 },
      budget: 11,
    } as const;
    const { robust, nearest } = await evaluate(input(featurePgd, pixels(115, 204), near));
    expect(robust).toBe('00');
    expect(nearest?.found).toBe('11');
  });

  test('a model that shows no features is refused before anything is attacked', async () => {
    const { features: _, ...blind } = threshold();
    await expect(evaluate(input(featurePgd, pixels(115), { ...given, classifier: blind }))).rejects.toThrow(
      '[attack feature-pgd] asks for features, and threshold shows none',
    );
  });
});
