/** What `rampart worker` is told, and what it takes from the run. */
import { expect, test } from 'vitest';
import { silenceOf } from '../../cli/commands/worker.ts';

test('a job may be silent for as long as its suite says, unless the worker was told otherwise', () => {
  expect(silenceOf({}, { timeoutMinutes: 240 })).toBe(240 * 60_000);
  expect(silenceOf({ timeout: 5 }, { timeoutMinutes: 240 })).toBe(5 * 60_000);
  expect(silenceOf({}, {})).toBe(30 * 60_000);
  expect(() => silenceOf({ timeout: 'long' }, {})).toThrow('[--timeout] expected a positive whole number');
});
