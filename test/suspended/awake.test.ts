/** The clock of what work costs, in a process that is stopped and continued while it works. */
import { expect, test } from 'vitest';
import { awakeNow, stopwatch, suspendedMs } from '../../harness/awake.ts';
import { starting } from './stop.ts';

test.skipIf(process.platform === 'win32')('it stands while the process stands still', { timeout: 120_000 }, async () => {
  const working = starting('./working.ts');
  expect(await working.next()).toBe('works');
  await working.standStill(4000);
  const { suspendedMs, ms, all } = (await working.next()) as { suspendedMs: number; ms: number; all: number };
  expect(suspendedMs).toBeGreaterThanOrEqual(2000);
  expect(ms).toBeGreaterThan(0);
  expect(ms).toBeLessThanOrEqual(all - suspendedMs);
});

test('where nobody watches all time counts', () => {
  const before = performance.now();
  const watch = stopwatch();
  expect(awakeNow()).toBeGreaterThanOrEqual(before);
  expect(watch.ms).toBeGreaterThanOrEqual(0);
  expect([suspendedMs(), watch.suspendedMs]).toEqual([0, 0]);
});
