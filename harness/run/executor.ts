/** The contract of whatever runs jobs: processes of this machine, or other machines. */
import { RampartError } from '../../errors.ts';
import type { JobProgress } from '../job/context.ts';
import type { Failure } from '../job/failures.ts';
import type { EngineRef, Job } from '../job/job.ts';

/** How a job failed. `fatal`: the run cannot go on. */
export class JobError extends RampartError {
  readonly kind: Failure['kind'];
  readonly fatal: boolean;

  constructor({ kind, message }: Failure, fatal = false) {
    super(message);
    this.kind = kind;
    this.fatal = fatal;
  }
}

/** Where jobs run. A job is plain data and its result is in the store, so this may be another machine. */
export interface Executor {
  /** Resolves when the job's record is in the store; rejects with a JobError, or with the reason of `signal`. */
  run(job: Job, engine: EngineRef, signal: AbortSignal, onProgress: (progress: JobProgress) => void): Promise<void>;
  /** Lets go of what it keeps between jobs. No job runs any more. */
  close(): Promise<void>;
}
