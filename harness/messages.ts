/** What the scheduler's process and a worker tell each other: plain data, in both directions. */
import type { EngineInfo } from '../engines/engine.ts';
import type { Failure } from './failures.ts';
import type { EngineRef, Job, RunSettings } from './jobs.ts';
import type { JobProgress } from './work-context.ts';

/** To a worker: the one thing that it is started for. */
export type Assignment =
  | { readonly do: 'job'; readonly job: Job; readonly settings: RunSettings; readonly engine: EngineRef }
  | { readonly do: 'probe'; readonly request: string; readonly threads: number };

/** An engine that started, with the devices that can each run a worker. */
export interface EngineProbe {
  readonly info: EngineInfo;
  readonly devices: readonly string[];
  readonly why: string;
}

/** From a worker. `fatal` failures would hit every later job too. */
export type Message =
  | { readonly type: 'sign'; readonly progress?: JobProgress }
  | { readonly type: 'done' }
  | { readonly type: 'probed'; readonly probe: EngineProbe }
  | { readonly type: 'failed'; readonly error: Failure; readonly fatal: boolean };
