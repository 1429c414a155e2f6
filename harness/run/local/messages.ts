/** What the scheduler's process and a worker tell each other: plain data, in both directions. */
import type { Provenance } from '../../../records/record.ts';
import type { JobProgress } from '../../job/context.ts';
import type { EngineRef } from '../../job/engine.ts';
import type { Failure } from '../../job/failures.ts';
import type { RunSettings } from '../../job/job.ts';
import type { OutsideSource } from '../../suite/models.ts';
import type { Asked, EngineProbe, Task } from '../executor.ts';

/** Where a worker of this machine finds what jobs name by their hash or key. */
export interface Place {
  /** Output folder. */
  readonly out: string;
  readonly dataDir: string;
  /** Absolute paths of plug-in files. */
  readonly plugins: readonly string[];
  /** Models that can be asked from here. */
  readonly outside: readonly OutsideSource[];
}

/** To a worker. Every job of a process is on the same engine, in the same place and under the same settings. */
export type Assignment =
  | {
      readonly do: 'job';
      readonly task: Task;
      readonly settings: RunSettings;
      readonly place: Place;
      readonly engine: EngineRef;
      readonly alone: boolean;
    }
  | { readonly do: 'probe'; readonly asked: Asked };

/** From a worker: signs of life, the first as soon as it begins, and a last word. `fatal` failures would hit every later job too. */
export type Message =
  | { readonly type: 'sign'; readonly progress?: JobProgress }
  | { readonly type: 'note'; readonly text: string }
  /** Where it works and with what, for the record that it may not come to write. */
  | { readonly type: 'started'; readonly provenance: Provenance }
  /** The record is in the store. `stays`: it waits for another job; after any other last word it ends. */
  | { readonly type: 'done'; readonly stays: boolean }
  | { readonly type: 'probed'; readonly probe: EngineProbe }
  | { readonly type: 'failed'; readonly error: Failure; readonly fatal: boolean };
