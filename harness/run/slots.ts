/** The engine of a run, and what each of its workers runs on. */
import { cpus, totalmem } from 'node:os';
import { installedEngines } from '../../engines/installed.ts';
import { keyOf } from '../../records/hash.ts';
import type { RunIndex } from '../../records/run-index.ts';
import type { Precision } from '../../tensor/precision.ts';
import type { EngineRef } from '../job/engine.ts';
import { packageVersion } from '../job/provenance.ts';
import type { Suite } from '../suite/suite.ts';
import type { Asked, EngineProbe } from './executor.ts';

export interface EngineRequest {
  /** `auto`, or a name with an optional device; the suite's hint when absent. */
  readonly engine?: string;
  readonly workers?: number;
  readonly threads?: number;
  readonly precision?: Precision;
}

/** Memory that a worker should find, in bytes. */
const WORKER_MEMORY = 1.5 * 2 ** 30;

/** What machines are asked for: an engine, threads for each worker, and a precision. One thread unless asked: many small jobs then fill the machine, and the count does not depend on it. */
export function asked(suite: Pick<Suite, 'engine'>, { engine, threads, precision }: EngineRequest): Asked {
  return {
    request: engine ?? suite.engine.name ?? 'auto',
    threads: threads ?? suite.engine.threads ?? 1,
    precision: precision ?? suite.engine.precision ?? 'fp32',
  };
}

/** What each worker runs on. */
export function slotsOn({ info, devices }: EngineProbe, suite: Pick<Suite, 'engine'>, request: EngineRequest): EngineRef[] {
  const { name, device, threads, precision } = info;
  const usable = asked(suite, request).request.includes(':') ? [device] : devices.filter((d) => (d === 'cpu') === (device === 'cpu'));
  const fitting = Math.max(1, Math.min(Math.floor(cpus().length / threads), Math.floor(totalmem() / WORKER_MEMORY)));
  const workers = request.workers ?? suite.engine.workers ?? (device === 'cpu' ? fitting : usable.length);
  return Array.from({ length: workers }, (_, i) => ({
    name,
    device: usable[i % usable.length] ?? device,
    threads,
    precision,
    beside: workers - 1,
  }));
}

/** What an engine's answer depends on. Where it is that of an earlier run, so is the answer, and no engine has to be started to ask. */
export async function questionOf(suite: Suite, request: EngineRequest): Promise<string> {
  return keyOf({ ...asked(suite, request), rampart: packageVersion(), installed: await installedEngines() });
}

/** The answer of an earlier run to the same question. */
export function remembered(index: RunIndex | undefined, question: string): EngineProbe | undefined {
  return index?.engine?.asked === question ? index.engine.probe : undefined;
}
