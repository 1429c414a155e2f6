import { expect, test } from 'vitest';
import { Board } from '../../../../attacks/parts/search/board.ts';

test('every example is tried before any is tried again', () => {
  const board = new Board(3, 2);
  const first = board.take(2, 100);
  expect(first).toEqual([
    { row: 0, nth: 0 },
    { row: 1, nth: 0 },
  ]);
  for (const attempt of first) board.finish(attempt, false);
  expect(board.take(9, 100)).toEqual([
    { row: 2, nth: 0 },
    { row: 0, nth: 1 },
    { row: 1, nth: 1 },
  ]);
});

test('an example that is broken is not tried again', () => {
  const board = new Board(2, 2);
  const [a, b] = board.take(2, 100);
  if (a) board.finish(a, true);
  if (b) board.finish(b, false);
  expect(board.take(9, 100)).toEqual([{ row: 1, nth: 1 }]);
  // however empty the pass, and though it has attempts left
  expect(board.take(9, 0)).toEqual([]);
  expect(board.thrownAway()).toEqual([]);
});

test('attempts of one example wait for each other while passes are full', () => {
  expect(new Board(1, 5).take(64, 100)).toEqual([{ row: 0, nth: 0 }]);
});

test('attempts of one example share a pass that would be nearly empty', () => {
  expect(new Board(1, 3).take(64, 0)).toEqual([0, 1, 2].map((nth) => ({ row: 0, nth })));
});

test('the earliest attempt that succeeds counts, and ends the later ones', () => {
  const board = new Board(1, 3);
  const [first, second, third] = board.take(64, 0);
  if (!first || !second || !third) throw new Error('expected three attempts');
  expect(board.finish(second, true)).toBe(true);
  expect([first, third].map((attempt) => board.obsolete(attempt))).toEqual([false, true]);
  expect(board.finish(third, true)).toBe(false);
  expect(board.finish(first, true)).toBe(true);
});
