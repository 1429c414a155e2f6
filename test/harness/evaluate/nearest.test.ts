/** A member of an ensemble that asks the examples first that the search before it came nearest to breaking. */
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type AttackPlugin, defineAttack, defineEnsemble } from '../../../attacks/attack.ts';
import { costOf, membersOf } from '../../../attacks/members.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import type { EvaluationInput } from '../../../harness/evaluate/evaluation.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { tf } from '../../../tensor/tf.ts';
import { input, pixels, threshold } from '../toy.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** 40 images, so that a turn is two. */
const data = pixels(...Array.from({ length: 40 }, (_, id) => 5 * id));

/** Told of each example by the search before: 7 and 12 are the nearest, then 3 and 4, then 0 and 1; of 5 nothing, and of the others less and less. */
const LOSSES = new Map(
  [
    7, 12, 3, 4, 0, 1, 2, 6, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36,
    37, 38, 39,
  ].map((id, rank) => [id, -0.1 * rank - 0.1]),
);

const none = z.strictObject({});
const common = { paper: 'none', version: 1, norms: ['Linf'], params: none, cost: () => ({ forward: 10, backward: 0 }) } as const;

const search: AttackPlugin = defineAttack({
  ...common,
  name: 'search',
  title: 'Search',
  access: 'gradient',
  create: () => ({
    async perturb({ x, ids }, target, _, run) {
      target.decisions(x).dispose();
      ids.forEach((id, row) => {
        const loss = LOSSES.get(id);
        if (loss === undefined) return;
        run.bestLoss?.(row, loss);
        // an attempt that came less near changes nothing
        run.bestLoss?.(row, loss - 100);
      });
      return x.clone();
    },
  }),
});

/** Mirrors the images in `breaks`, and notes what it is given. */
const asks = (name: string, breaks: readonly number[], seen: number[][] = []): AttackPlugin =>
  defineAttack({
    ...common,
    name,
    title: name,
    access: 'scores',
    create: () => ({
      async perturb({ x, ids }, target, _, run) {
        seen.push([...ids]);
        // on a scale of its own, which counts for nothing where it was not asked about all
        if (name === 'last') ids.forEach((_, row) => void run.bestLoss?.(row, -1000 + row));
        target.decisions(x).dispose();
        const mirrored = Array.from(ids, (id) => breaks.includes(id));
        return tf.tidy(() => tf.where(tf.tensor1d(mirrored, 'bool').reshape([-1, 1, 1, 1]), tf.sub(1, x), x) as tf.Tensor4D);
      },
    }),
  });

async function attacked(
  breaks: readonly number[],
  { look = [] as readonly number[], ...more }: Partial<EvaluationInput> & { look?: readonly number[] } = {},
) {
  const seen: number[][] = [];
  const again: number[][] = [];
  const table: Record<string, AttackPlugin> = {
    search,
    look: asks('look', look),
    last: asks('last', breaks, seen),
    again: asks('again', [], again),
    rest: asks('rest', []),
  };
  const attack = defineEnsemble({
    name: 'by-nearness',
    title: 'By nearness',
    paper: 'none',
    version: 1,
    access: 'gradient',
    norms: ['Linf'],
    params: none,
    members: () => [
      { attack: 'search', params: {} },
      { attack: 'look', params: {} },
      { attack: 'last', params: {}, when: 'nearest' },
      { attack: 'again', params: {}, when: 'nearest' },
      { attack: 'rest', params: {}, when: 'masking' },
    ],
  });
  const lookup = (name: string) => table[name] as AttackPlugin;
  const { robust, members, flags } = await evaluate(
    input(attack, data, { threat: { norm: 'Linf', eps: 1 }, lookup, batchSize: 20, ...more }),
  );
  const broken = [...robust].flatMap((r, id) => (r === '0' ? [id] : []));
  const { entered, left, passes } = members?.[2] ?? {};
  return {
    seen,
    broken,
    entered,
    left,
    passes: passes?.forward,
    conditional: members?.[4]?.entered,
    again,
    flags: flags.map(({ name }) => name),
  };
}

test('it asks the nearest twentieth and stops where nothing of it breaks', async () => {
  const { seen, again, ...rest } = await attacked([3, 4, 5]);
  expect(again).toEqual([[7, 12]]);
  expect(seen).toEqual([[7, 12]]);
  expect(rest).toEqual({ broken: [], entered: 2, left: 2, passes: 2, conditional: 0, flags: [] });
});

test('it goes on, twentieth after twentieth, as long as the last one had any that broke', async () => {
  const { seen, again, ...rest } = await attacked([12, 4, 5]);
  expect(again).toEqual([[7, 3]]);
  expect(seen).toEqual([
    [7, 12],
    [3, 4],
    [0, 1],
  ]);
  expect(rest).toEqual({ broken: [4, 12], entered: 6, left: 4, passes: 6, conditional: 0, flags: ['queries-beat-gradients'] });
});

test('of whom nothing was told come last, and everything is asked where every turn breaks', async () => {
  const { seen, entered, left } = await attacked([...LOSSES.keys()].filter((_, rank) => rank % 2 === 0));
  expect(seen.slice(-2)).toEqual([
    [37, 38],
    [39, 5],
  ]);
  expect([seen.length, entered, left]).toEqual([20, 40, 20]);
});

test('batches smaller than a turn ask the same', async () => {
  const { seen, broken } = await attacked([12, 4, 5], { batchSize: 1 });
  expect(seen).toEqual([[7], [12], [3], [4], [0], [1]]);
  expect(broken).toEqual([4, 12]);
});

test('what it breaks is no sign for a member on condition, what a look at all breaks is', async () => {
  const entered = async (breaks: readonly number[], look: readonly number[], more: Partial<EvaluationInput> = {}) => {
    const { seen: _, conditional } = await attacked(breaks, { look, ...more });
    return conditional;
  };
  expect(await entered([7, 12, 3, 4], [])).toBe(0);
  expect(await entered([], [9])).toBe(39);
  expect(await entered([7], [9])).toBe(38);
  expect(await entered([], [], { standIn: true })).toBe(40);
  const blind: Classifier = { ...threshold(), logits: (x) => threshold().logits(x.mul(2).floor() as tf.Tensor4D) };
  expect(await attacked([], { classifier: blind })).toMatchObject({ conditional: 40, flags: ['zero-gradient'] });
});

test('two of a thousand that queries broke are no sign, three are', async () => {
  const many = pixels(...Array.from({ length: 1000 }, (_, id) => id % 120));
  const conditional = async (look: readonly number[]) =>
    (await attacked([], { look, data: many, clean: '1'.repeat(1000), batchSize: 1000 })).conditional;
  expect(await conditional([30, 40])).toBe(0);
  expect(await conditional([30, 40, 50])).toBe(997);
});

test('killed after any of its batches it goes on to the same answer', async () => {
  const more = { batchSize: 1 };
  const whole = await attacked([12, 4, 5], more);
  const states: Uint8Array[] = [];
  await attacked([12, 4, 5], { ...more, checkpoint: { load: async () => undefined, save: async (s) => void states.push(s) } });
  for (const state of states) {
    const checkpoint = { load: async <T>(decode: (bytes: Uint8Array) => T) => decode(state), save: async () => {} };
    const { seen: _, again: __, ...resumed } = await attacked([12, 4, 5], { ...more, checkpoint });
    const { seen: ___, again: ____, ...expected } = whole;
    expect(resumed).toEqual(expected);
  }
});

test('a plan counts a twentieth of what it costs', () => {
  const member = (when?: 'nearest' | 'masking') => ({
    label: 'last',
    plugin: { ...asks('last', []), cost: () => ({ forward: 30, backward: 5 }) },
    params: {},
    ...(when && { when }),
  });
  const threat = { norm: 'Linf', eps: 1 } as const;
  expect(membersOf(asks('last', []), {}, threat, 2)).toHaveLength(1);
  expect(costOf([member(), member('nearest'), member('masking')], 2, 'Linf')).toEqual({ forward: 32, backward: 6 });
});
