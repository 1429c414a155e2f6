import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import apgdCe from '../../../attacks/apgd-ce.ts';
import apgdDlr from '../../../attacks/apgd-dlr.ts';
import apgdT from '../../../attacks/apgd-t.ts';
import { type Batch, defineEnsemble, type Target } from '../../../attacks/attack.ts';
import pgd from '../../../attacks/pgd.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import { predictClean } from '../../../harness/evaluate/predict.ts';
import { decodeState } from '../../../harness/evaluate/state.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { input, mover, pixels, type Seen, threshold } from '../toy.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

// distances to 0.5 in units of 1/255: 2.5, 22.5, 72.5, 12.5, 102.5; eps 0.1 is 25.5
const data = pixels(130, 150, 200, 115, 25);

const pair = (...names: string[]) =>
  defineEnsemble({
    name: 'pair',
    title: 'pair',
    paper: 'none',
    version: 1,
    access: 'decision',
    norms: ['Linf'],
    params: z.strictObject({}),
    members: () => names.map((attack) => ({ attack, params: {} })),
  });

test('the harness says which points are broken, how they are classified and how far they are', async () => {
  const result = await evaluate(input(mover('full', 1), data));
  expect(result.robust).toBe('00101');
  expect(result.predictions).toEqual([0, 0, 1, 1, 0]);
  expect(result.distances).toEqual([0.1, 0.1, 0.1, 0.1, 0.1]);
  expect(result.passes).toEqual({ forward: 5, backward: 0 });
});

test('points wrong before the attack are not attacked and count as broken', async () => {
  const seen: Seen = { batches: [] };
  const result = await evaluate(input(mover('full', 1, { seen }), data, { clean: '11011' }));
  expect(seen.batches).toEqual([
    [0, 1],
    [3, 4],
  ]);
  expect(result.robust).toBe('00001');
  expect(result.distances[2]).toBe(0);
  expect(result.predictions[2]).toBe(1);
});

test('a streaming attack gets the whole queue at once', async () => {
  const seen: Seen = { batches: [] };
  await evaluate(input(mover('full', 1, { seen, streams: true }), data));
  expect(seen.batches).toEqual([[0, 1, 2, 3, 4]]);
});

test('members run in order on what is left, and the result is the worst case', async () => {
  const seen: Seen = { batches: [] };
  const table = [mover('weak', 0.5), mover('full', 1, { seen })];
  const result = await evaluate(
    input(pair('weak', 'full'), data, { lookup: (name) => table.find((a) => a.name === name) as (typeof table)[0] }),
  );
  expect(result.robust).toBe('00101');
  expect(seen.batches.flat()).toEqual([1, 2, 4]);
  expect(result.members?.map(({ attack, entered, left }) => [attack, entered, left])).toEqual([
    ['weak', 5, 3],
    ['full', 3, 2],
  ]);
  expect(result.distances.slice(0, 2)).toEqual([0.05, 0.1]);
});

test('survivors are summed over batches and counted on over members', async () => {
  const table = [mover('weak', 0.5), mover('full', 1)];
  const result = await evaluate(
    input(pair('weak', 'full'), data, { lookup: (name) => table.find((a) => a.name === name) as (typeof table)[0] }),
  );
  expect(result.survivors).toEqual([
    [1, 5],
    [2, 3],
  ]);
});

test('progress counts what was attacked, of all that may still be, and what is left', async () => {
  // `weak` breaks images 0 and 3 of five, `full` then 1
  const table = [mover('weak', 0.5), mover('full', 1)];
  const lookup = (name: string) => table.find((a) => a.name === name) as (typeof table)[0];
  const seen: [number, number, number][] = [];
  await evaluate(input(pair('weak', 'full'), data, { lookup, onProgress: (...told) => seen.push(told) }));
  // done, of how many at most, and still right: `weak` on five in passes of two, then `full` on the three that it left
  expect(seen).toEqual([
    [2, 5 + 4, 4],
    [4, 5 + 3, 3],
    [5, 5 + 3, 3],
    [7, 8, 2],
    [8, 8, 2],
  ]);
});

test('the outcome does not depend on the batch size', async () => {
  const results = [];
  for (const batchSize of [1, 2, 5]) results.push(await evaluate(input(mover('lucky', 1, { random: true }), data, { batchSize })));
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});

test('the first broken examples by index are kept with their pixels', async () => {
  const { examples } = await evaluate(input(mover('full', 1), data, { keepExamples: 2, batchSize: 1 }));
  expect(examples?.ids).toEqual([0, 1]);
  expect(examples?.adversarial[0]).toBeCloseTo(130 / 255 - 0.1, 6);
  expect(examples?.adversarial[1]).toBeCloseTo(150 / 255 - 0.1, 6);
});

test('a later member that breaks an earlier image takes the place of a later one among those kept', async () => {
  // `weak` breaks images 0 and 3, `full` then image 1
  const table = [mover('weak', 0.5), mover('full', 1)];
  const lookup = (name: string) => table.find((a) => a.name === name) as (typeof table)[0];
  const { examples } = await evaluate(input(pair('weak', 'full'), data, { lookup, keepExamples: 2 }));
  expect(examples?.ids).toEqual([0, 1]);
  expect(examples?.adversarial[0]).toBeCloseTo(130 / 255 - 0.05, 6);
  expect(examples?.adversarial[1]).toBeCloseTo(150 / 255 - 0.1, 6);
});

test('an evaluation killed after any batch goes on and ends with the same result', async () => {
  const table = [mover('weak', 0.5, { random: true }), mover('full', 1, { random: true })];
  const lookup = (name: string) => table.find((a) => a.name === name) as (typeof table)[0];
  const timeless = ({ earlier: _, ...r }: Awaited<ReturnType<typeof evaluate>>) => ({
    ...r,
    members: r.members?.map((m) => ({ ...m, wallMs: 0 })),
  });
  const whole = await evaluate(input(pair('weak', 'full'), data, { lookup, keepExamples: 2 }));
  const states: Uint8Array[] = [];
  const checkpoint = { load: async () => undefined, save: async (s: Uint8Array) => void states.push(s) };
  await evaluate(input(pair('weak', 'full'), data, { lookup, keepExamples: 2, checkpoint }));
  expect(states.length).toBeGreaterThan(4);
  for (const state of states) {
    const resumed = await evaluate(
      input(pair('weak', 'full'), data, {
        lookup,
        keepExamples: 2,
        checkpoint: { load: async (decode) => decode(state), save: async () => {} },
      }),
    );
    expect(timeless(resumed)).toEqual(timeless(whole));
  }
});

test('the time of an evaluation that was killed goes on from that of its last state', async () => {
  const timeOf = (state: Uint8Array) => {
    const { wallMs, suspendedMs } = decodeState(state, data, ['full']);
    return { wallMs, suspendedMs };
  };
  const states: Uint8Array[] = [];
  const save = async (state: Uint8Array) => void states.push(state);
  const first = await evaluate(input(mover('full', 1), data, { batchSize: 1, checkpoint: { load: async () => undefined, save } }));
  expect(first.earlier).toEqual({ wallMs: 0, suspendedMs: 0 });
  const killed = states[1] as Uint8Array;
  expect(timeOf(killed).wallMs).toBeGreaterThan(timeOf(states[0] as Uint8Array).wallMs);
  states.length = 0;
  const resumed = await evaluate(
    input(mover('full', 1), data, { batchSize: 1, checkpoint: { load: async (decode) => decode(killed), save } }),
  );
  expect(resumed.earlier).toEqual(timeOf(killed));
  expect(timeOf(states[0] as Uint8Array).wallMs).toBeGreaterThan(timeOf(killed).wallMs);
});

test('what a smaller radius broke is taken over and not attacked again', async () => {
  const seen: Seen = { batches: [] };
  const small = await evaluate(input(mover('full', 1), data, { threat: { norm: 'Linf', eps: 0.02 } }));
  expect(small.robust).toBe('01111');
  const large = await evaluate(input(mover('full', 1, { seen }), data, { batchSize: 8, smaller: { eps: 0.02, ...small } }));
  expect(seen.batches).toEqual([[1, 2, 3, 4]]);
  expect(large.robust).toBe('00101');
  expect(large.distances).toEqual([0.02, 0.1, 0.1, 0.1, 0.1]);
});

test('clean predictions come with confidences and one forward pass each', async () => {
  const result = await predictClean({ classifier: threshold(), name: 'threshold', rng: new Rng('cell') }, pixels(0, 255, 255), 2);
  expect(result.robust).toBe('111');
  expect(result.predictions).toEqual([0, 1, 1]);
  expect(result.passes).toEqual({ forward: 3, backward: 0 });
  expect(result.confidences[0]).toBeCloseTo(Math.E / (1 + Math.E), 5);
});

/** Which of its example's passes a generator is for, from 0: the last part of its key. */
const pass = ({ key }: Rng) => Number(key.split('/').at(-1));

test('a random classifier is judged on the mean of its answers, and says so', async () => {
  const flip = threshold();
  // one answer of five is turned round, loudly, but never outweighs the four others
  const random: Classifier = {
    ...flip,
    randomized: true,
    logits: (x, draws = []) =>
      tf.tidy(() => {
        const factors = draws.map((rng) => (pass(rng) % 5 === 4 ? -10 : 10));
        return flip.logits(x).mul<tf.Tensor2D>(tf.tensor2d(factors, [factors.length, 1]));
      }),
  };
  const result = await evaluate(input(mover('still', 0), data, { classifier: random }));
  expect(result.robust).toBe('11111');
  expect(result.flags.map((f) => f.name)).toContain('randomized');
  // an attack that averages over the answers has nothing to be told, whatever its parameters are called
  for (const averages of [true, false]) {
    const { flags } = await evaluate(input({ ...mover('own', 0), averages: () => averages }, data, { classifier: random }));
    expect(flags.some((f) => f.name === 'randomized')).toBe(!averages);
  }
});

test.each([pgd, apgdCe, apgdDlr, apgdT])('$name averages from two passes on', (plugin) => {
  const averages = (eotIterations: number) => plugin.averages?.(plugin.params.parse({ eotIterations }));
  expect([averages(1), averages(2)]).toEqual([false, true]);
});

test('the mean is that of five answers, no fewer and no more', async () => {
  // the k-th answer says class 1 with probability (k + 1) / 10, k from 0: five of them make 0.3 on average, six 0.35
  const random: Classifier = {
    ...threshold(),
    randomized: true,
    logits: (_, draws = []) => tf.tensor2d(draws.map((rng) => [Math.log(1 - (pass(rng) + 1) / 10), Math.log((pass(rng) + 1) / 10)])),
  };
  const { predictions, confidences, passes } = await predictClean({ classifier: random, name: 'random', rng: new Rng('cell') }, data, 2);
  expect(predictions).toEqual([0, 0, 0, 0, 0]);
  for (const confidence of confidences) expect(confidence).toBeCloseTo(0.7, 5);
  expect(passes).toEqual({ forward: 25, backward: 0 });
});

test('classifiers that return probabilities are flagged', async () => {
  const inner = threshold();
  const softened = { ...inner, logits: (x: tf.Tensor4D) => tf.tidy(() => tf.softmax(inner.logits(x))) };
  const { flags } = await evaluate(input(mover('full', 1), data, { classifier: softened }));
  expect(flags.map((f) => f.name)).toEqual(['probabilities']);
});

test('images without a gradient are flagged where the attack needs one', async () => {
  const inner = threshold();
  const cut = (x: tf.Tensor4D) => tf.step(x.sub(0.5)).add(x.mul(0)) as tf.Tensor4D;
  const steps = { ...inner, logits: (x: tf.Tensor4D) => tf.tidy(() => inner.logits(cut(x))) };
  const gradient = { ...mover('gradient', 1), access: 'gradient' as const };
  const { flags } = await evaluate(input(gradient, data, { classifier: steps }));
  expect(flags.map((f) => f.name)).toEqual(['zero-gradient']);
  expect((await evaluate(input(gradient, data))).flags).toEqual([]);
  expect((await evaluate(input(mover('full', 1), data, { classifier: steps }))).flags).toEqual([]);
});

test('one member that needs gradients is enough for images without one to be flagged', async () => {
  const steps = { ...threshold(), logits: (x: tf.Tensor4D) => tf.zeros<tf.Rank.R2>([x.shape[0], 2]).add<tf.Tensor2D>(x.mean().mul(0)) };
  const gradient = { ...mover('gradient', 0), access: 'gradient' as const };
  const lookup = (name: string) => (name === 'full' ? mover('full', 0) : gradient);
  const { flags } = await evaluate(input(pair('full', 'gradient'), data, { classifier: steps, lookup }));
  expect(flags.map((f) => f.name)).toContain('zero-gradient');
});

test('an attack that asks for more than its access says does not pass', async () => {
  const greedy = {
    ...mover('greedy', 1),
    create: () => ({ perturb: async (batch: Batch, target: Target) => target.logits(batch.x).reshape(batch.x.shape) as tf.Tensor4D }),
  };
  await expect(evaluate(input(greedy, data))).rejects.toThrow('[model threshold] an attack whose access is "decision" asked for logits');
});

test('nothing stays allocated', async () => {
  const before = tf.memory().numTensors;
  await evaluate(input(mover('full', 1), data, { keepExamples: 3 }));
  expect(tf.memory().numTensors).toBe(before);
});

test('an attack that leaks tensors is flagged, in the same words whatever the batch size', async () => {
  const clean = mover('leaky', 1);
  const leaky = {
    ...clean,
    create: (p: unknown) => {
      const attack = clean.create(p);
      const perturb = (...args: Parameters<typeof attack.perturb>) => {
        tf.keep(tf.scalar(1));
        return attack.perturb(...args);
      };
      return { perturb };
    },
  };
  for (const batchSize of [1, 5]) {
    const { flags } = await evaluate(input(leaky, data, { batchSize }));
    expect(flags).toEqual([{ name: 'leaked-tensors', detail: 'leaky left tensors allocated' }]);
  }
});

test('every broken one of the first images is kept, beside the first broken ones, whichever member broke them', async () => {
  const table = [mover('weak', 0.5), mover('full', 1)];
  const lookup = (name: string) => table.find((a) => a.name === name) as (typeof table)[0];
  // broken: 0 and 3 by `weak`, then 1 by `full`
  const kept = async (more: object) => (await evaluate(input(pair('weak', 'full'), data, { lookup, ...more }))).examples?.ids;
  expect(await kept({ keepAmong: 5 })).toEqual([0, 1, 3]);
  expect(await kept({ keepAmong: 3 })).toEqual([0, 1]);
  expect(await kept({ keepExamples: 1, keepAmong: 5 })).toEqual([0, 1, 3]);
  expect(await kept({ keepExamples: 3, keepAmong: 1 })).toEqual([0, 1, 3]);
  expect(await kept({})).toBeUndefined();
});
