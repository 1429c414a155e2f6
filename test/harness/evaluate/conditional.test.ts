/** A member of an ensemble that runs only where a sign of masked gradients has shown. */
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type AttackPlugin, defineEnsemble } from '../../../attacks/attack.ts';
import lean from '../../../attacks/autoattack-lean.ts';
import { membersOf } from '../../../attacks/members.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import { tf } from '../../../tensor/tf.ts';
import { input, mover, pixels } from '../toy.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

// 0.45, 0.33 and 0.22: the boundary is 0.05, 0.17 and 0.28 away
const data = pixels(115, 84, 56);

/** Moves by shares of the radius: of gradients, then of queries, then of what runs on condition. */
function ensemble(gradients: number, queries: number) {
  const moves: Record<string, AttackPlugin> = {
    gradients: { ...mover('gradients', gradients), access: 'gradient' },
    queries: mover('queries', queries),
    conditional: mover('conditional', 1),
  };
  const attack = defineEnsemble({
    name: 'on-condition',
    title: 'On condition',
    paper: 'none',
    version: 1,
    access: 'gradient',
    norms: ['Linf'],
    params: z.strictObject({}),
    members: () => [
      { attack: 'gradients', params: {} },
      { attack: 'queries', params: {} },
      { attack: 'conditional', params: {}, when: 'masking' },
    ],
  });
  return { attack, lookup: (name: string) => moves[name] as AttackPlugin };
}

async function found(gradients: number, queries: number, standIn = false) {
  const { attack, lookup } = ensemble(gradients, queries);
  const { robust, members, passes } = await evaluate(input(attack, data, { threat: { norm: 'Linf', eps: 0.3 }, lookup, standIn }));
  return { robust, entered: members?.map((m) => m.entered), passes: passes.forward };
}

test('it does not run, and costs nothing, where queries broke nothing that gradients left', async () => {
  expect(await found(0.2, 0.2)).toEqual({ robust: '011', entered: [3, 2, 0], passes: 5 });
});

test('it runs on all that is left where queries broke over 0.2 points', async () => {
  expect(await found(0.2, 0.7)).toEqual({ robust: '000', entered: [3, 2, 1], passes: 6 });
});

test('it runs where the gradient is a stand-in, though nothing else is a sign', async () => {
  expect(await found(0.2, 0.2, true)).toEqual({ robust: '000', entered: [3, 2, 2], passes: 7 });
});

test('the lean ensemble has all of Square for the nearest alone, unless gradients mislead', () => {
  const members = membersOf(lean, {}, { norm: 'Linf', eps: 0.03 }, 10);
  expect(members.map(({ label, when }) => [label, when])).toEqual([
    ['apgd-pm', undefined],
    ['apgd-malt', undefined],
    ['apgd-dlr', 'nearest'],
    ['apgd-malt#2', 'nearest'],
    ['square', undefined],
    ['square#2', 'nearest'],
    ['square#3', 'masking'],
  ]);
});
