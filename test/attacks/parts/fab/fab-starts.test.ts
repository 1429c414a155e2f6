/** Where FAB's runs start, and that it leaves alone what errs already. */
import { beforeAll, expect, test } from 'vitest';
import type { AttackPlugin, Attempt, Target } from '../../../../attacks/attack.ts';
import fab from '../../../../attacks/fab.ts';
import fabT from '../../../../attacks/fab-t.ts';
import { createTarget } from '../../../../attacks/target.ts';
import { norm as normNamed } from '../../../../tensor/norms/index.ts';
import { Rng } from '../../../../tensor/rng.ts';
import { type Shape, tf } from '../../../../tensor/tf.ts';
import { randomLinear } from '../../../contract/linear.ts';

const SHAPE: Shape = [4, 4, 3];
const D = 48;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Two images in the middle of the box on a linear model of three classes, with the labels that it gives them, or others. */
function problem(right = true) {
  const rng = new Rng('starts');
  const classifier = randomLinear(SHAPE, 3, rng);
  const x = tf.tensor4d(rng.uniform(2 * D, 0.3, 0.7), [2, ...SHAPE]);
  const said = tf.tidy(() => classifier.logits(x).argMax(1).dataSync());
  const labels = Int32Array.from(said, (k) => (right ? k : (k + 1) % 3));
  return { classifier, batch: { x, y: tf.tensor1d(labels, 'int32'), labels, ids: Int32Array.of(5, 9) } };
}

const run = () => ({ rng: new Rng('run'), signal: new AbortController().signal, batchSize: 2, sources: new Map() });

test.each([
  { plugin: fab, norm: 'Linf', targets: 1 },
  { plugin: fab, norm: 'L2', targets: 1 },
  { plugin: fab, norm: 'L1', targets: 1 },
  { plugin: fabT, norm: 'Linf', targets: 2 },
] as const)('$plugin.name in $norm: the first run of each target starts at the image, the others half a radius from it', async (row) => {
  const { norm, targets } = row;
  const plugin: AttackPlugin = row.plugin;
  const { classifier, batch } = problem();
  const inner = createTarget(classifier, 'linear');
  const starts = new Map<string, tf.Tensor4D>();
  const linearize: Target['linearize'] = (x, whose) => {
    (whose as readonly Attempt[]).forEach(({ row, nth }, i) => {
      if (!starts.has(`${row} ${nth}`)) starts.set(`${row} ${nth}`, tf.keep(x.slice([i, 0, 0, 0], [1, -1, -1, -1])));
    });
    return inner.linearize(x, whose);
  };
  // a radius in which nothing breaks
  const eps = 1e-3 * normNamed(norm).ofOnes(D);
  const params = plugin.params.parse({ iterations: 2, restarts: 3, ...(plugin === fabT && { targets }) });
  await plugin.create(params).perturb(batch, { ...inner, passes: inner.passes, linearize }, { norm, eps }, run());
  expect([...starts.keys()].sort()).toEqual(
    [0, 1].flatMap((row) => Array.from({ length: 3 * targets }, (_, nth) => `${row} ${nth}`)).sort(),
  );
  for (const [key, start] of starts) {
    const [row, nth] = key.split(' ').map(Number) as [number, number];
    const away = normNamed(norm)
      .size(start.sub(batch.x.slice([row, 0, 0, 0], [1, -1, -1, -1])))
      .dataSync()[0] as number;
    if (nth % 3 === 0) expect(away).toBe(0);
    else expect(away / eps).toBeCloseTo(0.5, 3);
  }
  const of = (key: string) => [...(starts.get(key) as tf.Tensor4D).dataSync()];
  expect(of('0 1')).not.toEqual(of('0 2'));
});

test.each([fab, fabT] as AttackPlugin[])('$name: an image that errs already is returned as it is, after one look', async (plugin) => {
  const { classifier, batch } = problem(false);
  const target = createTarget(classifier, 'linear');
  const attack = plugin.create(plugin.params.parse({ iterations: 8, restarts: 1 }));
  const adversarial = await attack.perturb(batch, target, { norm: 'Linf', eps: 0.3 }, run());
  expect(adversarial.dataSync()).toEqual(batch.x.dataSync());
  // fab-t ranks the classes first; then one step of each image, with a backward pass for each other class where none is aimed at
  expect(target.passes).toEqual(plugin === fabT ? { forward: 2 + 4, backward: 2 } : { forward: 4, backward: 4 });
});

test('fab-t goes for one class after the other in the order of the clean logits, with all restarts of each', async () => {
  const { classifier, batch } = problem();
  const inner = createTarget(classifier, 'linear');
  const logits = tf.tidy(() => classifier.logits(batch.x).arraySync()) as number[][];
  const aims = new Map<string, number>();
  const linearize: Target['linearize'] = (x, whose) => {
    const lin = inner.linearize(x, whose);
    const pullback = (dlogits: tf.Tensor2D) => {
      const directions = dlogits.arraySync();
      (whose as readonly Attempt[]).forEach(({ row, nth }, i) => {
        aims.set(`${row} ${nth}`, (directions[i] as number[]).indexOf(1));
      });
      return lin.pullback(dlogits);
    };
    return { ...lin, pullback };
  };
  const attack = fabT.create(fabT.params.parse({ iterations: 2, restarts: 2, targets: 2 }));
  await attack.perturb(batch, { ...inner, passes: inner.passes, linearize }, { norm: 'Linf', eps: 1e-3 }, run());
  for (const [row, z] of logits.entries()) {
    const [, second, third] = [0, 1, 2].sort((a, b) => (z[b] as number) - (z[a] as number));
    expect([0, 1, 2, 3].map((nth) => aims.get(`${row} ${nth}`))).toEqual([second, second, third, third]);
  }
});
