import { expect, test, vi } from 'vitest';
import { waitAtMost } from '../../patience.ts';
import { starting } from './stop.ts';

const noSignals = process.platform === 'win32';
const TIMEOUT = { timeout: 120_000 };
const LIMIT_MS = 2000;

test.skipIf(noSignals)(
  'what was sent to a process that stood still is heard before its patience ends, which then begins anew',
  TIMEOUT,
  async () => {
    const waiting = starting('./waiting.ts', [String(LIMIT_MS)]);
    expect(await waiting.next()).toBe('waits');
    await waiting.standStill(2 * LIMIT_MS, () => waiting.child.send('a sign'));
    expect(await waiting.next()).toBe('heard');
    expect(await waiting.next()).toEqual({ over: true, waited: true });
  },
);

test('a wait is over once, after its limit, counted from the last sign', () => {
  vi.useFakeTimers();
  try {
    const over = vi.fn();
    const wait = waitAtMost(1000, over);
    vi.advanceTimersByTime(900);
    expect(over).not.toHaveBeenCalled();
    expect(wait.ms).toBe(900);
    wait.again();
    vi.advanceTimersByTime(900);
    expect(over).not.toHaveBeenCalled();
    vi.advanceTimersByTime(5000);
    expect(over).toHaveBeenCalledTimes(1);
    const ended = vi.fn();
    waitAtMost(1000, ended).end();
    vi.advanceTimersByTime(5000);
    expect(ended).not.toHaveBeenCalled();
  } finally {
    vi.useRealTimers();
  }
});

test('time in which a process stood still is none that it waited', () => {
  vi.useFakeTimers();
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  const pass = (ms: number, beats: number) => {
    now += ms;
    for (let i = 0; i < beats; i++) vi.advanceTimersToNextTimer();
  };
  try {
    const over = vi.fn();
    const wait = waitAtMost(10_000, over);
    for (let i = 0; i < 9; i++) pass(1000, 1);
    expect(wait.ms).toBe(9000);
    pass(3_600_000, 0);
    expect(wait.ms).toBe(9000);
    pass(0, 1);
    expect(over).not.toHaveBeenCalled();
    pass(900, 1);
    expect(over).not.toHaveBeenCalled();
    pass(1000, 1);
    expect(over).toHaveBeenCalledTimes(1);
  } finally {
    clock.mockRestore();
    vi.useRealTimers();
  }
});
