/** What a job has at hand where it is performed, be it this process, a child process or another machine. */
import type { EngineInfo } from '../../engines/engine.ts';
import type { Store } from '../../records/store.ts';
import type { OutsideSource } from '../suite/models.ts';
import type { Registry } from '../suite/registry.ts';
import type { DataSource } from './data.ts';
import type { RunSettings } from './job.ts';

/** How far a job is. */
export interface JobProgress {
  /** In [0,1]. */
  readonly fraction: number;
  /** `epoch 3/12, loss 1.52`, or `120 of 500, 61 still right`. */
  readonly detail: string;
}

export interface JobContext {
  readonly settings: RunSettings;
  /** Images per pass of an attack. No result depends on it. */
  readonly batchSize: number;
  readonly registry: Registry;
  readonly store: Store;
  /** The engine as it started in this process. */
  readonly engine: EngineInfo;
  readonly data: DataSource;
  /** Models of other programs that can be asked from here. */
  readonly outside: readonly OutsideSource[];
  readonly signal: AbortSignal;
  /** A sign of life, and how far the job is. Cheap enough for every batch. */
  report(progress?: JobProgress): void;
}
