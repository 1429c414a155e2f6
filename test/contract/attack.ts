/** What every attack must do, whatever it searches: called by the test of each. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Attack, AttackPlugin, AttackRun, Batch, Target, Threat } from '../../attacks/attack.ts';
import { createTarget } from '../../attacks/target.ts';
import type { Classifier } from '../../models/classifier.ts';
import { type NormName, norm as normNamed, SIZES } from '../../tensor/norms/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { certain, constantClassifier, randomLinear } from './linear.ts';

export interface AttackContract {
  /** False for attacks too weak to break a linear model when eps spans the box. */
  readonly strong?: boolean;
  /** Fewest classes the attack is defined for. */
  readonly fewestClasses?: number;
  /** Whether it ends at errors that lie outside of the ball too, so that its passes are counted where there are none at all. */
  readonly endsAnywhere?: boolean;
}

const SHAPE: Shape = [8, 8, 3];
const D = 192;
const CLASSES = 5;
/** Rounding of a sum of 192 squares or absolute values in float32. */
const slack = (eps: number) => eps * 1e-5 + 1e-6;
/** A radius that reaches every corner of the box from everywhere. */
const wholeBox = (norm: NormName) => normNamed(norm).ofOnes(D);

const predictedOf = (classifier: Classifier, x: tf.Tensor4D) => tf.tidy(() => classifier.logits(x).argMax(1).dataSync());

/** `n` random images; labels are what `classifier` says unless `right` is false. The caller owns the tensors. */
function images(n: number, classifier: Classifier, rng: Rng, right = true): Batch {
  const x = tf.tensor4d(rng.uniform(n * D), [n, ...SHAPE]);
  const labels = Int32Array.from(predictedOf(classifier, x), (p) => (right ? p : (p + 1) % classifier.classes));
  return { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.from({ length: n }, (_, i) => 100 + i) };
}

/** The examples of `batch` at `rows`, in that order. */
function part(batch: Batch, rows: readonly number[]): Batch {
  const pick = (from: Int32Array) => Int32Array.from(rows, (r) => from[r] as number);
  const labels = pick(batch.labels);
  return { x: tf.gather(batch.x, [...rows]), y: tf.tensor1d(labels, 'int32'), labels, ids: pick(batch.ids) };
}

const release = (batch: Batch) => tf.dispose([batch.x, batch.y]);

function runWith(source: Target, batchSize = 16, signal = new AbortController().signal): AttackRun {
  return { rng: new Rng('contract'), signal, batchSize, sources: new Map([['source', source]]) };
}

/** The largest norm of a perturbation less the radius, and how far the result leaves the box. */
function excessOf(adversarial: tf.Tensor4D, x: tf.Tensor4D, { norm, eps }: Threat): { budget: number; box: number } {
  return tf.tidy(() => {
    const size = normNamed(norm).size(adversarial.sub(x)).max().dataSync()[0] as number;
    const out = tf.maximum(adversarial.neg(), adversarial.sub(1)).max().dataSync()[0] as number;
    return { budget: size - eps, box: out };
  });
}

/**
 * The contract suite. `params` are given as in a suite file and parsed by the plug-in; give few steps, it runs many cases.
 * A transfer attack finds the attacked model under the name `source`.
 */
export function testAttack(
  plugin: AttackPlugin,
  params: Record<string, unknown>,
  { strong = true, fewestClasses = 1, endsAnywhere = plugin.bounded === false }: AttackContract = {},
): void {
  const parsed = plugin.params.parse(params);
  const attack = plugin.create(parsed);
  /** Whether points are kept inside of the ball. */
  const bounded = plugin.bounded !== false;
  const excess = (adversarial: tf.Tensor4D, x: tf.Tensor4D, threat: Threat) =>
    excessOf(adversarial, x, bounded ? threat : { ...threat, eps: Number.POSITIVE_INFINITY });

  const targetOf = (classifier: Classifier, name = 'victim') => createTarget(classifier, name, undefined, plugin.access);

  /** Attacks `batch` on a target of its own. */
  async function perturb(classifier: Classifier, batch: Batch, threat: Threat, batchSize?: number): Promise<tf.Tensor4D> {
    const run = runWith(createTarget(classifier, 'source'), batchSize);
    return (await fitted(classifier, threat)).perturb(batch, targetOf(classifier), threat, run);
  }

  /** The attack as the harness readies it: fitted to the model on images that are always the same. */
  async function fitted(classifier: Classifier, threat: Threat): Promise<Attack> {
    const count = plugin.few?.(parsed);
    if (!count || !attack.fit) return attack;
    const few = images(Math.min(count, 4), classifier, new Rng('few'));
    const { attack: ready } = await attack.fit(few, targetOf(classifier), threat, runWith(createTarget(classifier, 'source')));
    release(few);
    return ready;
  }

  describe(`contract of ${plugin.name}`, () => {
    beforeAll(async () => {
      await tf.setBackend('cpu');
    });

    describe.each(plugin.norms.map((norm) => ({ norm })))('$norm', ({ norm }) => {
      test('stays inside box and budget', async () => {
        const cases = fc.record({ seed: fc.nat(1e6), eps: fc.double({ min: 0, max: 1, noNaN: true }), n: fc.integer({ min: 1, max: 5 }) });
        await fc.assert(
          fc.asyncProperty(cases, async ({ seed, eps, n }) => {
            const rng = new Rng(`case ${seed}`);
            const classifier = randomLinear(SHAPE, CLASSES, rng);
            const batch = images(n, classifier, rng);
            // from radii that change nothing to those that span half the box
            const threat = { norm, eps: eps ** 3 * 0.5 * wholeBox(norm) };
            const adversarial = await perturb(classifier, batch, threat);
            expect(adversarial.shape).toEqual(batch.x.shape);
            const { budget, box } = excess(adversarial, batch.x, threat);
            expect(budget).toBeLessThanOrEqual(slack(threat.eps));
            expect(box).toBeLessThanOrEqual(0);
            adversarial.dispose();
            release(batch);
            classifier.dispose();
          }),
          { numRuns: 12, seed: 7 },
        );
      });

      test.runIf(bounded)('changes nothing at eps 0', async () => {
        const rng = new Rng('zero');
        const classifier = randomLinear(SHAPE, CLASSES, rng);
        const batch = images(4, classifier, rng);
        const adversarial = await perturb(classifier, batch, { norm, eps: 0 });
        expect(adversarial.dataSync()).toEqual(batch.x.dataSync());
      });

      test(`breaks ${strong ? 'every image' : 'images'} of a linear model when eps spans the box`, async () => {
        const rng = new Rng('large');
        const classifier = randomLinear(SHAPE, CLASSES, rng);
        const batch = images(8, classifier, rng);
        const adversarial = await perturb(classifier, batch, { norm, eps: wholeBox(norm) });
        const predicted = predictedOf(classifier, adversarial);
        const left = batch.labels.filter((label, i) => label === predicted[i]).length;
        if (strong) expect(left).toBe(0);
        else expect(left).toBeLessThan(8);
      });

      test('gives the same bits however the examples are split, ordered and batched', async () => {
        const rng = new Rng('split');
        const classifier = randomLinear(SHAPE, CLASSES, rng);
        const batch = images(9, classifier, rng);
        // a radius at which some images break and some do not
        const threat = { norm, eps: (strong ? 1 : 10) * { Linf: 0.02, L2: 0.25, L1: 1.5, L0: 2, 'L0-pixels': 1, patch: 1 }[norm] };
        const adversarial = await perturb(classifier, batch, threat);
        const broken = batch.labels.filter((label, i) => label !== predictedOf(classifier, adversarial)[i]).length;
        expect(broken).toBeGreaterThan(0);
        expect(broken).toBeLessThan(9);
        const whole = adversarial.arraySync();
        for (const [rows, batchSize] of [
          [[8, 3, 5, 0], 3],
          [[1, 2, 7, 6, 4], 2],
        ] as const) {
          const piece = part(batch, rows);
          const got = (await perturb(classifier, piece, threat, batchSize)).arraySync();
          rows.forEach((row, i) => {
            expect(got[i]).toEqual(whole[row]);
          });
        }
      });

      test('spends the passes that the plan expects where nothing breaks', async () => {
        const rng = new Rng('passes');
        const classifier = endsAnywhere ? certain(SHAPE, CLASSES) : randomLinear(SHAPE, CLASSES, rng);
        const batch = images(4, classifier, rng);
        const target = targetOf(classifier);
        const source = createTarget(classifier, 'source');
        await attack.perturb(batch, target, { norm, eps: 1e-6 }, runWith(source));
        const spent = (kind: 'forward' | 'backward') => (target.passes[kind] + source.passes[kind]) / 4;
        expect({ forward: spent('forward'), backward: spent('backward') }).toEqual(plugin.cost(parsed, CLASSES, norm));
      });

      test('leaks no tensors', async () => {
        const rng = new Rng('leak');
        const classifier = randomLinear(SHAPE, CLASSES, rng);
        const batch = images(4, classifier, rng);
        const before = tf.memory().numTensors;
        const adversarial = await perturb(classifier, batch, { norm, eps: 0.05 * wholeBox(norm) });
        expect(tf.memory().numTensors - before).toBe(1);
        adversarial.dispose();
      });

      test('leaves misclassified an image that is so already, inside the budget', async () => {
        const rng = new Rng('wrong');
        const classifier = randomLinear(SHAPE, CLASSES, rng);
        const batch = images(2, classifier, rng, false);
        const threat = { norm, eps: 0.01 * wholeBox(norm) };
        const adversarial = await perturb(classifier, batch, threat);
        const { budget, box } = excess(adversarial, batch.x, threat);
        expect(budget).toBeLessThanOrEqual(slack(threat.eps));
        expect(box).toBeLessThanOrEqual(0);
        const predicted = predictedOf(classifier, adversarial);
        expect(batch.labels.filter((label, i) => label === predicted[i])).toHaveLength(0);
      });

      test('takes constant logits, whose gradient is zero', async () => {
        const rng = new Rng('constant');
        const classifier = constantClassifier(SHAPE, CLASSES, 1);
        const batch = images(2, classifier, rng);
        const threat = { norm, eps: 0.05 * wholeBox(norm) };
        const { budget, box } = excess(await perturb(classifier, batch, threat), batch.x, threat);
        expect(budget).toBeLessThanOrEqual(slack(threat.eps));
        expect(box).toBeLessThanOrEqual(0);
      });

      if (fewestClasses === 1)
        test('returns the images of a model with one class', async () => {
          const rng = new Rng('one class');
          const classifier = randomLinear(SHAPE, 1, rng);
          const batch = images(2, classifier, rng);
          const adversarial = await perturb(classifier, batch, { norm, eps: 0.05 * wholeBox(norm) });
          expect(adversarial.dataSync()).toEqual(batch.x.dataSync());
        });

      test('says which model gave NaN', async () => {
        const rng = new Rng('nan');
        const healthy = randomLinear(SHAPE, CLASSES, rng);
        const batch = images(2, healthy, rng);
        const broken = constantClassifier(SHAPE, CLASSES, Number.NaN);
        const run = runWith(createTarget(healthy, 'source'));
        const attempt = attack.perturb(batch, targetOf(broken, 'trades beta=6'), { norm, eps: 0.05 * wholeBox(norm) }, run);
        await expect(attempt).rejects.toThrow('[model trades beta=6]');
      });
    });

    test('stops when the run is aborted', async () => {
      const rng = new Rng('abort');
      const classifier = randomLinear(SHAPE, CLASSES, rng);
      const batch = images(2, classifier, rng);
      const target = targetOf(classifier);
      const run = runWith(createTarget(classifier, 'source'), 16, AbortSignal.abort(new Error('stopped by the user')));
      const attempt = attack.perturb(batch, target, { norm: plugin.norms[0] as NormName, eps: 0.01 }, run);
      await expect(attempt).rejects.toThrow('stopped by the user');
    });

    test('asks the attacked model for no more than its access says', async () => {
      const rng = new Rng('access');
      const classifier = randomLinear(SHAPE, CLASSES, rng);
      const batch = images(4, classifier, rng);
      const target = targetOf(classifier);
      const source = createTarget(classifier, 'source');
      await attack.perturb(batch, target, { norm: plugin.norms[0] as NormName, eps: 1e-6 }, runWith(source));
      expect(target.passes.backward > 0).toBe(plugin.access === 'gradient');
      expect(source.passes.forward > 0).toBe(plugin.access === 'transfer');
    });

    test('names itself, its source and its norms', () => {
      expect(plugin.name).toMatch(/^[a-z0-9-]+$/);
      expect(plugin.title.length).toBeGreaterThan(0);
      expect(plugin.paper.length).toBeGreaterThan(0);
      expect(plugin.norms.length).toBeGreaterThan(0);
      expect(SIZES.filter((norm) => plugin.norms.includes(norm))).toHaveLength(plugin.norms.length);
    });

    test('refuses unknown parameters', () => {
      expect(plugin.params.safeParse(params).success).toBe(true);
      expect(plugin.params.safeParse({ ...params, stepz: 3 }).success).toBe(false);
    });
  });
}
