/** The engine of a job: what a worker starts, and what of it decides the bits of a result. */
import type { Precision } from '../../tensor/precision.ts';

/** An engine as a worker starts it. */
export interface EngineRef {
  readonly name: string;
  /** `cpu`, `cuda:0`, ... */
  readonly device: string;
  readonly threads: number;
  /** Absent where the engine leaves no choice. */
  readonly precision?: Precision;
  /** Other workers of its machine, with as many threads. */
  readonly beside?: number;
}

/** What of an engine changes the bits of a result: not which GPU of several it is, and on a GPU not the threads beside it. */
export interface EngineIdentity {
  readonly name: string;
  readonly version: string;
  /** The kind of device: `cpu`, `cuda`, ... */
  readonly device: string;
  readonly threads?: number;
  /** Absent on a CPU that computes in float32, as keys were before there was a choice. */
  readonly precision?: Precision;
}

export function engineIdentity({ name, version, device, threads, precision }: EngineRef & { readonly version: string }): EngineIdentity {
  const kind = device.split(':')[0] ?? device;
  const usual = kind === 'cpu' && precision === 'fp32';
  return { name, version, device: kind, ...(kind === 'cpu' && { threads }), ...(precision && !usual && { precision }) };
}

/** The engine as models are made on it: bfloat16 is for those that are attacked. */
export function inTraining<E extends { readonly precision?: Precision }>(engine: E): E {
  return engine.precision === 'bf16' ? { ...engine, precision: 'fp32' } : engine;
}

/** Of a model: one that is trained for a run in bfloat16 is that of a run in float32. */
export function trainedOn(engine: EngineIdentity): EngineIdentity {
  const { precision, ...rest } = inTraining(engine);
  return rest.device === 'cpu' || precision === undefined ? rest : { ...rest, precision };
}

/** What to ask `chooseEngine` for. */
export function engineRequest({ name, device }: EngineRef): string {
  return `${name}:${device}`;
}
