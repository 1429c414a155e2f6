/**
 * A clock for what work costs, which stands while this process stands still: stopped by a scheduler that suspends jobs, or in a machine that sleeps.
 * The work itself keeps this process from looking at a clock for minutes; a thread of its own looks, which nothing but a standstill keeps from it.
 */
import { Worker } from 'node:worker_threads';

export interface StandstillOptions {
  /** How often the thread looks, in ms. */
  readonly beatMs?: number;
  /** What keeps the thread from looking for so long is a standstill, and no other work on the machine. */
  readonly leastMs?: number;
}

/** Shared with the thread, in ns: how often it has written, when it looked last, and how long this process has stood still. A count that is odd: it is writing. */
const WRITTEN = 0;
const LOOKED = 1;
const STOOD = 2;

/** What it cannot know of a standstill is when in a beat it began: that beat is counted as work. */
const THREAD = `
const { workerData: { shared, beat, least } } = require('node:worker_threads');
const never = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  Atomics.wait(never, 0, 0, Number(beat / 1000000n));
  const now = process.hrtime.bigint();
  const passed = now - Atomics.load(shared, ${LOOKED});
  Atomics.add(shared, ${WRITTEN}, 1n);
  if (passed >= least) Atomics.add(shared, ${STOOD}, passed - beat);
  Atomics.store(shared, ${LOOKED}, now);
  Atomics.add(shared, ${WRITTEN}, 1n);
}`;

const NS = 1_000_000n;

let watched: { readonly shared: BigInt64Array; readonly beat: bigint; readonly least: bigint } | undefined;

/** Begins to look; a second call changes nothing. Costs some 9 MB, and no process its end. */
export function watchStandstills({ beatMs = 500, leastMs = 10_000 }: StandstillOptions = {}): void {
  if (watched) return;
  const shared = new BigInt64Array(new SharedArrayBuffer(24));
  shared[LOOKED] = process.hrtime.bigint();
  watched = { shared, beat: BigInt(beatMs) * NS, least: BigInt(leastMs) * NS };
  const thread = new Worker(THREAD, { eval: true, workerData: watched, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 2 } });
  // without it no standstill is noticed, and all time counts
  thread.on('error', () => {
    watched = undefined;
  });
  thread.unref();
}

/** Milliseconds in which this process stood still since it began to look; 0 where it does not. */
export function suspendedMs(): number {
  if (!watched) return 0;
  const { shared, beat, least } = watched;
  for (;;) {
    const written = Atomics.load(shared, WRITTEN);
    const since = process.hrtime.bigint() - Atomics.load(shared, LOOKED);
    const stood = Atomics.load(shared, STOOD);
    if (written % 2n === 1n || written !== Atomics.load(shared, WRITTEN)) continue;
    // a standstill that the thread has not had the time to see
    return Number(stood + (since >= least ? since - beat : 0n)) / Number(NS);
  }
}

/** Milliseconds of a clock that only counts while this process runs: differences of two readings mean something. */
export const awakeNow = (): number => performance.now() - suspendedMs();

/** Time since it was started: of work, and beside it of standstills, in ms. */
export interface Stopwatch {
  readonly ms: number;
  readonly suspendedMs: number;
}

export function stopwatch(): Stopwatch {
  const began = awakeNow();
  const stood = suspendedMs();
  return {
    get ms() {
      return awakeNow() - began;
    },
    get suspendedMs() {
      return suspendedMs() - stood;
    },
  };
}
