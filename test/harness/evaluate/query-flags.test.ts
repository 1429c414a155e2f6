import { expect, test } from 'vitest';
import { queryFlags } from '../../../harness/evaluate/checks.ts';

const member = (attack: string, access: 'gradient' | 'scores' | 'decision', entered: number, left: number) => ({
  attack,
  access,
  entered,
  left,
});

test('an attack that asks for no gradient is flagged from more than 0.2 points of accuracy on', () => {
  const broke = (count: number) =>
    queryFlags([member('apgd-ce', 'gradient', 900, 500), member('square', 'scores', 500, 500 - count)], 1000);
  expect(broke(2)).toEqual([]);
  expect(broke(3)).toEqual([
    { name: 'queries-beat-gradients', detail: 'square broke 3 points that the gradient attacks before it left; gradients may be masked' },
  ]);
});

test('what the attack is called does not matter, and before any gradient attack it shows nothing', () => {
  const boundary = member('boundary', 'decision', 500, 400);
  const gradient = member('pgd', 'gradient', 900, 500);
  expect(queryFlags([gradient, boundary], 1000).map((f) => f.name)).toEqual(['queries-beat-gradients']);
  expect(queryFlags([boundary, gradient], 1000)).toEqual([]);
  expect(queryFlags([boundary], 1000)).toEqual([]);
  expect(queryFlags([gradient, member('square', 'gradient', 500, 400)], 1000)).toEqual([]);
});
