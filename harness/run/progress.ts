/** How far a run is and how long it will still take: planned work against the speed that this run turns out to have. */

import type { RampartRecord } from '../../records/record.ts';
import type { JobProgress } from '../job/context.ts';
import type { EngineRef } from '../job/engine.ts';
import { expectedShare, flops, type Plan, type Planned } from './plan.ts';

/** Rough GFLOP/s of one worker, until the run has measured its own: training and attacking. */
const SPEEDS: Record<string, readonly [train: number, attack: number]> = {
  cpu: [0.05, 0.05],
  wasm: [20, 30],
  tensorflow: [30, 40],
  torch: [80, 100],
  webgpu: [100, 150],
};
const GPU_SPEED = [2000, 3000] as const;

/** Seconds around a job: a training starts a process and its engine and loads its data, a cell mostly finds them there. */
const OVERHEAD: Record<Planned['kind'], number> = { model: 2, cell: 0.2 };

/** Seconds a job is expected to take on `engine`, before anything is measured. */
export function expectedSeconds(planned: Planned, engine: EngineRef): number {
  const [train, attack] = engine.device.startsWith('cuda') ? GPU_SPEED : (SPEEDS[engine.name] ?? [10, 10]);
  const threads = engine.device === 'cpu' ? engine.threads : 1;
  const gflops = (expectedShare(planned) * flops(planned.work)) / 1e9;
  return OVERHEAD[planned.kind] + (planned.kind === 'model' ? gflops / train : gflops / attack) / threads;
}

/** The time that a finished job took, in seconds, overhead included. */
function measuredSeconds(record: RampartRecord): number {
  return OVERHEAD[record.kind] + (record.kind === 'model' ? record.cost.wallMs : record.wallMs) / 1000;
}

/** Measured over expected time, of models and cells apart: learns from every job that ends, reused ones too. */
export class Calibration {
  readonly #engine: EngineRef;
  readonly #sums = { model: [0, 0], cell: [0, 0] } as Record<Planned['kind'], [measured: number, expected: number]>;

  constructor(engine: EngineRef) {
    this.#engine = engine;
  }

  learn(planned: Planned, record: RampartRecord): void {
    if (record.status !== 'done') return;
    const sums = this.#sums[planned.kind];
    sums[0] += measuredSeconds(record);
    sums[1] += expectedSeconds(planned, this.#engine);
  }

  seconds(planned: Planned): number {
    const [measured, expected] = this.#sums[planned.kind];
    return expectedSeconds(planned, this.#engine) * (expected > 0 ? measured / expected : 1);
  }
}

export interface Running {
  readonly planned: Planned;
  readonly startedAt: number;
  readonly progress?: JobProgress;
}

/** What a display shows while a run goes on. Times in milliseconds of `performance.now()`. */
export class Progress {
  readonly #calibration: Calibration;
  #slots: number;
  readonly #open = new Map<string, Planned>();
  readonly running = new Map<string, Running>();
  readonly total: number;

  constructor(plan: Plan, engine: EngineRef, slots: number) {
    this.#calibration = new Calibration(engine);
    this.#slots = slots;
    for (const planned of [...plan.models, ...plan.cells]) this.#open.set(planned.id, planned);
    this.total = this.#open.size;
  }

  get finished(): number {
    return this.total - this.#open.size;
  }

  /** Jobs are done so many at a time from now on. */
  share(slots: number): void {
    this.#slots = Math.max(1, slots);
  }

  started(planned: Planned, now: number): void {
    this.running.set(planned.id, { planned, startedAt: now });
  }
  reported(planned: Planned, progress: JobProgress): void {
    const running = this.running.get(planned.id);
    if (running) this.running.set(planned.id, { ...running, progress });
  }
  ended(planned: Planned, record: RampartRecord): void {
    this.running.delete(planned.id);
    this.#open.delete(planned.id);
    this.#calibration.learn(planned, record);
  }

  /** Milliseconds until the run ends: what is left, shared among the slots, but no less than the longest running job needs. */
  timeLeft(now: number): number {
    let sum = 0;
    let longest = 0;
    for (const planned of this.#open.values()) {
      const left = this.#leftOf(planned, now);
      sum += left;
      if (this.running.has(planned.id)) longest = Math.max(longest, left);
    }
    return Math.max(sum / this.#slots, longest);
  }

  /** A job that says how far it is is taken at its word once it has run for a while. */
  #leftOf(planned: Planned, now: number): number {
    const expected = this.#calibration.seconds(planned) * 1000;
    const running = this.running.get(planned.id);
    if (!running) return expected;
    const elapsed = now - running.startedAt;
    const fraction = running.progress?.fraction ?? 0;
    if (fraction > 0.05) return (elapsed * (1 - fraction)) / fraction;
    return Math.max(expected - elapsed, expected / 20);
  }
}
