/** The contract of whatever runs jobs: processes of this machine, or other machines. */
import type { EngineInfo } from '../../engines/engine.ts';
import { RampartError } from '../../errors.ts';
import type { Provenance } from '../../records/record.ts';
import type { Precision } from '../../tensor/precision.ts';
import type { JobProgress } from '../job/context.ts';
import type { EngineRef } from '../job/engine.ts';
import type { Failure } from '../job/failures.ts';
import type { Job, RunSettings } from '../job/job.ts';

/** How a worker failed a job without leaving a record of it. */
export class JobError extends RampartError {
  readonly kind: Failure['kind'];
  /** The run cannot go on. */
  readonly fatal: boolean;
  /** Of the worker, where it got so far as to tell. */
  readonly provenance: Provenance | undefined;

  constructor({ kind, message }: Failure, { fatal = false, provenance }: { fatal?: boolean; provenance?: Provenance } = {}) {
    super(message);
    this.kind = kind;
    this.fatal = fatal;
    this.provenance = provenance;
  }
}

/** Hears of one job while it runs. */
export interface JobListener {
  progress?(progress: JobProgress): void;
  /** What a user should know, though the job goes on. */
  note?(text: string): void;
}

/** A job, and how many images one pass of it holds. */
export interface Task {
  readonly job: Job;
  readonly batchSize: number;
  /** Floating point operations of the longest chain that waits for it, its own among them: what orders it among others. */
  readonly behind?: number;
}

/** Where jobs run. A job is plain data and its result is in the store, so this may be another machine. */
export interface Executor {
  /** Resolves when the job's record is in the store, done or failed; rejects with a JobError, or with the reason of `signal`. */
  run(task: Task, engine: EngineRef, signal: AbortSignal, listener: JobListener): Promise<void>;
  /** Lets go of what it keeps between jobs. No job runs any more. */
  close(): Promise<void>;
}

/** An engine that started, with the devices that can each run a worker. */
export interface EngineProbe {
  readonly info: EngineInfo;
  readonly devices: readonly string[];
  readonly why: string;
}

/** What a run wants of an engine. */
export interface Asked {
  /** `auto`, or a name with an optional device. */
  readonly request: string;
  /** Of each worker. */
  readonly threads: number;
  readonly precision?: Precision;
}

/** What a run works with: it asks what there is, and has jobs run on it. */
export interface Machines {
  /** Starts the engine that is asked for, to learn what it is. Throws what `chooseEngine` throws. */
  probe(asked: Asked, signal: AbortSignal): Promise<EngineProbe>;
  executor(settings: RunSettings): Executor;
  /** Where the machines take jobs when they can, and not when a slot is given to them: tells how many may be handed out at a time, before it resolves and whenever that changes. */
  room?(hear: (jobs: number) => void): Promise<void>;
  /** Jobs that they do at a time now, where that is not for the run to say. */
  slots?(): Promise<number>;
}
