/** What the scheduler's process and a worker tell each other: plain data, in both directions. */
import type { EngineInfo } from '../../../engines/engine.ts';
import type { JobProgress } from '../../job/context.ts';
import type { Failure } from '../../job/failures.ts';
import type { EngineRef, Job, RunSettings } from '../../job/job.ts';

/** To a worker. Every job of a process is on the same engine and under the same settings. */
export type Assignment =
  | { readonly do: 'job'; readonly job: Job; readonly settings: RunSettings; readonly engine: EngineRef; readonly alone: boolean }
  | { readonly do: 'probe'; readonly request: string; readonly threads: number };

/** An engine that started, with the devices that can each run a worker. */
export interface EngineProbe {
  readonly info: EngineInfo;
  readonly devices: readonly string[];
  readonly why: string;
}

/** From a worker: signs of life, the first as soon as it begins, and a last word. `fatal` failures would hit every later job too. */
export type Message =
  | { readonly type: 'sign'; readonly progress?: JobProgress }
  /** `stays`: it waits for another job; after any other last word it ends. */
  | { readonly type: 'done'; readonly stays: boolean }
  | { readonly type: 'probed'; readonly probe: EngineProbe }
  | { readonly type: 'failed'; readonly error: Failure; readonly fatal: boolean };
