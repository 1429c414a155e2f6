/** The contract of an engine: a TensorFlow.js backend plus what Rampart needs of it. */
import type { Precision } from '../tensor/precision.ts';

export interface EngineOptions {
  /** Threads for one worker. */
  readonly threads: number;
  /** `cpu`, `cuda:0`, ... */
  readonly device: string;
  /** `fp32` unless given. */
  readonly precision?: Precision;
  /** Other workers on this machine, with as many threads; 0 unless given. */
  readonly beside?: number;
}

export interface EngineInfo {
  readonly name: string;
  readonly version: string;
  readonly device: string;
  readonly threads: number;
  /** Absent where the engine leaves no choice. */
  readonly precision?: Precision;
  /** Of a GPU, as its driver calls it, where that is known. */
  readonly deviceName?: string;
  /** Name and value pairs that `doctor` shows: library path, CPU capability, BLAS, devices. */
  readonly details: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

export interface Availability {
  readonly usable: boolean;
  readonly detail: string;
  /** The command that makes it usable. */
  readonly remedy?: string;
}

export interface Engine {
  readonly name: string;
  readonly title: string;
  /** Higher is faster; `auto` tries them in this order. */
  readonly rank: number;
  /** Cheap: looks for packages and files, loads nothing that can crash. */
  probe(): Promise<Availability>;
  /** A longer look than `probe`, for `doctor`: what is here already, so that the remedy is no longer than it must be. */
  diagnose?(): Promise<Availability>;
  /** What it can compute in on `device`; absent where that is not for the user to say. */
  precisions?(device: string): readonly Precision[];
  /** Makes it the backend of this process. Once per process. */
  init(options: EngineOptions): Promise<EngineInfo>;
  /** Devices that can each run a worker at the same time: `cpu`, or `cuda:0`, `cuda:1`. */
  devices(): Promise<string[]>;
}
