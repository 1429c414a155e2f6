/** How far a run is and how long it will still take: planned work against the speed that this run turns out to have. */

import type { Passes } from '../../attacks/attack.ts';
import { deviceOf, type RampartRecord } from '../../records/record.ts';
import type { ImageRange } from '../../records/shard.ts';
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

/** A pass back costs about two forward, in time. */
const passesOf = ({ forward, backward }: Passes) => forward + 2 * backward;

/** In seconds. */
interface Sum {
  readonly measured: number;
  readonly expected: number;
}

/** What each device that made a record has done of it: a part of the work, and its time in seconds. */
function piecesOf(record: RampartRecord): { device: string; part: number; seconds: number }[] {
  const own = { device: deviceOf(record.provenance), part: 1, seconds: measuredSeconds(record) };
  if (record.kind === 'model' || !record.shards) return [own];
  return record.shards.map(({ provenance, count, wallMs }) => ({
    device: deviceOf(provenance),
    part: count / Math.max(1, record.n),
    seconds: OVERHEAD.cell + wallMs / 1000,
  }));
}

/** Measured over expected time, of models and cells apart: learns from every job that ends, reused ones too, and of each device. */
export class Calibration {
  readonly #engine: EngineRef;
  /** By kind, and by kind and device. */
  readonly #sums = new Map<string, Sum>();
  /** Seconds of a forward pass by model, of those whose multiply-adds are not known. */
  readonly #passes = new Map<string, number>();

  constructor(engine: EngineRef) {
    this.#engine = engine;
  }

  learn(planned: Planned, record: RampartRecord): void {
    if (record.status !== 'done') return;
    for (const { device, part, seconds } of piecesOf(record))
      for (const of of [planned.kind, `${planned.kind} ${device}`]) {
        const { measured, expected } = this.#sums.get(of) ?? { measured: 0, expected: 0 };
        this.#sums.set(of, { measured: measured + seconds, expected: expected + part * expectedSeconds(planned, this.#engine) });
      }
    if (planned.kind === 'cell' && record.kind === 'cell' && planned.work.multiplyAdds === 0 && passesOf(record.passes) > 0)
      this.#passes.set(planned.model.id, measuredSeconds(record) / passesOf(record.passes));
  }

  seconds(planned: Planned): number {
    const perPass = planned.kind === 'cell' ? this.#passes.get(planned.model.id) : undefined;
    if (perPass !== undefined) return OVERHEAD.cell + expectedShare(planned) * perPass * passesOf(planned.work.passes);
    return expectedSeconds(planned, this.#engine) * (this.#ratio(planned.kind) ?? 1);
  }

  /** How much faster a device does jobs of a kind than all that have done some together; 1 where it has not done any. */
  speedOf(device: string | undefined, kind: Planned['kind']): number {
    const [all, own] = [this.#ratio(kind), this.#ratio(`${kind} ${device}`)];
    return all === undefined || own === undefined ? 1 : all / own;
  }

  #ratio(of: string): number | undefined {
    const { measured, expected } = this.#sums.get(of) ?? { measured: 0, expected: 0 };
    return expected > 0 && measured > 0 ? measured / expected : undefined;
  }
}

export interface Running {
  readonly planned: Planned;
  /** Of a shard. */
  readonly range?: ImageRange;
  readonly startedAt: number;
  readonly progress?: JobProgress;
}

/** Workers of one kind. */
export interface Workers {
  /** As records call it. */
  readonly device?: string;
  /** Jobs that they do at a time. */
  readonly slots: number;
}

/** What a display shows while a run goes on. Times in milliseconds of `performance.now()`. */
export class Progress {
  readonly #calibration: Calibration;
  #workers: readonly Workers[];
  readonly #open = new Map<string, Planned>();
  /** Images of which shards are done, by cell. */
  readonly #images = new Map<string, number>();
  readonly running = new Map<string, Running>();
  readonly total: number;

  constructor(plan: Plan, engine: EngineRef, slots: number) {
    this.#calibration = new Calibration(engine);
    this.#workers = [{ slots }];
    for (const planned of [...plan.models, ...plan.cells]) this.#open.set(planned.id, planned);
    this.total = this.#open.size;
  }

  get finished(): number {
    return this.total - this.#open.size;
  }

  /** Jobs are done by these from now on. */
  share(workers: readonly Workers[]): void {
    this.#workers = workers.some(({ slots }) => slots > 0) ? workers : [{ slots: 1 }];
  }

  started(planned: Planned, now: number, range?: ImageRange): void {
    this.running.set(idOf(planned, range), { planned, range, startedAt: now });
  }
  reported(planned: Planned, progress: JobProgress, range?: ImageRange): void {
    const id = idOf(planned, range);
    const running = this.running.get(id);
    if (running) this.running.set(id, { ...running, progress });
  }
  /** A shard is done, or was stopped. */
  endedShard(planned: Planned, range: ImageRange, isDone: boolean): void {
    this.running.delete(idOf(planned, range));
    if (isDone) this.#images.set(planned.id, (this.#images.get(planned.id) ?? 0) + range.count);
  }
  ended(planned: Planned, record: RampartRecord): void {
    this.running.delete(planned.id);
    this.#open.delete(planned.id);
    this.#calibration.learn(planned, record);
  }

  /** Milliseconds until the run ends: what is left, shared among the workers by their speeds, but no less than the longest running job needs. */
  timeLeft(now: number): number {
    const begun = new Map<string, number>();
    const slots = this.#workers.reduce((sum, worker) => sum + worker.slots, 0);
    let sum = 0;
    let longest = 0;
    for (const running of this.running.values()) {
      const left = this.#leftOf(running, now);
      sum += left / slots;
      longest = Math.max(longest, left);
      begun.set(running.planned.id, (begun.get(running.planned.id) ?? 0) + this.#share(running.planned, running.range));
    }
    for (const planned of this.#open.values()) {
      const waits = 1 - (begun.get(planned.id) ?? 0) - (this.#images.get(planned.id) ?? 0) / imagesOf(planned);
      sum += (Math.max(0, waits) * this.#calibration.seconds(planned) * 1000) / this.#speed(planned.kind);
    }
    return Math.max(sum, longest);
  }

  /** Of all workers together, in slots of the usual speed. */
  #speed(kind: Planned['kind']): number {
    return this.#workers.reduce((sum, { device, slots }) => sum + slots * this.#calibration.speedOf(device, kind), 0);
  }

  /** The part of a job that is done at once: of a cell whose shards are done, nothing is left but to put them together. */
  #share(planned: Planned, range?: ImageRange): number {
    return range ? range.count / imagesOf(planned) : 1 - (this.#images.get(planned.id) ?? 0) / imagesOf(planned);
  }

  /** A job that says how far it is is taken at its word once it has run for a while. */
  #leftOf({ planned, range, startedAt, progress }: Running, now: number): number {
    const expected = this.#calibration.seconds(planned) * 1000 * this.#share(planned, range);
    const elapsed = now - startedAt;
    const fraction = progress?.fraction ?? 0;
    if (fraction > 0.05) return (elapsed * (1 - fraction)) / fraction;
    return Math.max(expected - elapsed, expected / 20);
  }
}

const idOf = ({ id }: Planned, range?: ImageRange) => (range ? `${id} ${range.from}` : id);

/** Images that a cell attacks; a model is one piece. */
const imagesOf = (planned: Planned) => (planned.kind === 'cell' ? Math.max(1, planned.n) : 1);
