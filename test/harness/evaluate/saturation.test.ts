/** A model whose last layer is scaled by a million: attacks on probabilities stand still there, and are flagged; those on margins do not, and are not. */
import { beforeAll, expect, test } from 'vitest';
import apgdCe from '../../../attacks/apgd-ce.ts';
import apgdPm from '../../../attacks/apgd-pm.ts';
import apgdT from '../../../attacks/apgd-t.ts';
import type { AttackPlugin } from '../../../attacks/attack.ts';
import ddn from '../../../attacks/ddn.ts';
import fgsm from '../../../attacks/fgsm.ts';
import mim from '../../../attacks/mim.ts';
import pgd from '../../../attacks/pgd.ts';
import { heldSplit } from '../../../datasets/split.ts';
import { saturationFlags } from '../../../harness/evaluate/checks.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { linearClassifier, randomLinear } from '../../contract/linear.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const N = 40;

/** Images between 0.3 and 0.7 in 8 bits, on a linear model whose logits are scaled. */
async function attacked(attack: AttackPlugin, params: object, scale: number) {
  const plain = randomLinear([4, 4, 3], 5, new Rng('linear'));
  // the bias makes the grey image a tie, whatever the scale
  const weights = plain.weights.map((w) => w * scale);
  const bias = new Float32Array(5);
  weights.forEach((w, i) => {
    bias[i % 5] = (bias[i % 5] as number) - 0.5 * w;
  });
  const images = Uint8Array.from(new Rng('images').uniform(N * 48, 77, 179));
  const x = tf.tensor4d(
    Float32Array.from(images, (v) => v / 255),
    [N, 4, 4, 3],
  );
  const labels = Int32Array.from(plain.logits(x).argMax(1).dataSync());
  return evaluate({
    classifier: linearClassifier([4, 4, 3], 5, weights, bias),
    name: 'scaled',
    attack,
    params: attack.params.parse(params),
    threat: { norm: attack.norms.includes('Linf') ? 'Linf' : 'L2', eps: 0.02 },
    data: { ...heldSplit({ images, labels }), shape: [4, 4, 3] },
    clean: '1'.repeat(N),
    rng: new Rng('cell'),
    batchSize: 16,
    sources: new Map(),
    signal: new AbortController().signal,
  });
}

const flagsOf = async (attack: AttackPlugin, params: object, scale: number) =>
  (await attacked(attack, params, scale)).flags.map((f) => f.name);

test.each<[string, AttackPlugin, object]>([
  ['fgsm', fgsm, {}],
  ['pgd', pgd, { steps: 3 }],
  ['mim', mim, { steps: 3 }],
  ['apgd-ce', apgdCe, { iterations: 3 }],
  ['apgd-pm', apgdPm, { iterations: 3 }],
  ['ddn', ddn, { steps: 3 }],
])('%s is flagged on scaled logits and not on plain ones', async (_, attack, params) => {
  expect(await flagsOf(attack, params, 1e6)).toEqual(['saturated-loss']);
  expect(await flagsOf(attack, params, 1)).toEqual([]);
});

test.each<[string, AttackPlugin, object]>([
  ['pgd on the margin', pgd, { steps: 3, loss: 'margin' }],
  ['mim on the margin', mim, { steps: 3, loss: 'margin' }],
  ['apgd-t', apgdT, { iterations: 3 }],
])('%s is not flagged, and breaks as many images as on plain logits', async (_, attack, params) => {
  const [scaled, plain] = [await attacked(attack, params, 1e6), await attacked(attack, params, 1)];
  expect(scaled.flags).toEqual([]);
  expect(scaled.robust).toContain('0');
  expect(scaled.robust).toBe(plain.robust);
});

test('the figure of an attack that is flagged is too high', async () => {
  const right = async (params: object, scale: number) => [...(await attacked(pgd, params, scale)).robust].filter((r) => r === '1').length;
  expect(await right({ steps: 10, randomStart: false }, 1e6)).toBeGreaterThan(await right({ steps: 10, randomStart: false }, 1));
});

test('an image without a gradient of the margin is no sign of a saturated loss', () => {
  expect(saturationFlags('cross-entropy', [true, false], [true, false])).toEqual([]);
  expect(saturationFlags('cross-entropy', [true, true, false], [true, false, false])).toEqual([
    { name: 'saturated-loss', detail: expect.stringContaining('the cross-entropy has no gradient on 1 of the first 3 images') },
  ]);
});
