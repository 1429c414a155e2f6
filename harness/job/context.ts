/** What a job has at hand while it runs in its process. */
import type { Dataset } from '../../datasets/dataset.ts';
import type { EngineInfo } from '../../engines/engine.ts';
import type { Store } from '../../records/folder-store.ts';
import type { Registry } from '../suite/registry.ts';
import type { DataRef, RunSettings } from './job.ts';

/** How far a job is. */
export interface JobProgress {
  /** In [0,1]. */
  readonly fraction: number;
  /** `epoch 3/12, loss 1.52`, or `120 of 500, 61 still right`. */
  readonly detail: string;
}

export interface WorkContext {
  readonly settings: RunSettings;
  readonly registry: Registry;
  readonly store: Store;
  /** The engine as it started in this process. */
  readonly engine: EngineInfo;
  readonly signal: AbortSignal;
  /** A data set without its training split, for reading only: the next job may be given the same. */
  testData(ref: DataRef): Promise<Dataset>;
  /** A sign of life, and how far the job is. Cheap enough for every batch. */
  report(progress?: JobProgress): void;
}
