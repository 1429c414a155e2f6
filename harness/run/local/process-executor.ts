/** Runs jobs in processes beside this one, so that a crash, an out-of-memory kill or a hung job costs one job. */
import { RampartError } from '../../../errors.ts';
import type { EngineRef } from '../../job/engine.ts';
import type { RunSettings } from '../../job/job.ts';
import { type Asked, type EngineProbe, type Executor, JobError, type JobListener, type Machines, type Task } from '../executor.ts';
import type { Assignment, Place } from './messages.ts';
import { type ProcessOptions, WorkerProcess } from './worker-process.ts';

/** The processes of this machine. */
export function localMachines(place: Place, options: ProcessOptions): Machines {
  return { probe: probeEngine, executor: (settings) => processExecutor(settings, place, options) };
}

/**
 * Executes jobs in child processes of this machine. One whose job ended well is kept for the next on its engine; after a failure it is not.
 * Training has a process of its own: what it costs is compared, and a process that has worked before is faster and holds more memory.
 */
export function processExecutor(settings: RunSettings, place: Place, options: ProcessOptions): Executor {
  return new ProcessExecutor(settings, place, options);
}

const sameEngine = (a: EngineRef, b: EngineRef) =>
  a.name === b.name && a.device === b.device && a.threads === b.threads && a.precision === b.precision;

class ProcessExecutor implements Executor {
  readonly #settings: RunSettings;
  readonly #place: Place;
  readonly #options: ProcessOptions;
  /** Workers that wait for a job. */
  #kept: { readonly worker: WorkerProcess; readonly engine: EngineRef }[] = [];

  constructor(settings: RunSettings, place: Place, options: ProcessOptions) {
    this.#settings = settings;
    this.#place = place;
    this.#options = options;
  }

  async run(task: Task, engine: EngineRef, signal: AbortSignal, listener: JobListener): Promise<void> {
    const { job } = task;
    const alone = job.kind === 'model' && job.origin.by === 'training';
    const assignment: Assignment = { do: 'job', task, settings: this.#settings, place: this.#place, engine, alone };
    const ask = async (worker: WorkerProcess) => {
      const answer = await worker.ask(assignment, signal, listener);
      if (answer.last.type === 'done' && answer.last.stays) this.#kept.push({ worker, engine });
      return answer;
    };
    const kept = this.#takeKept(engine);
    if (alone) await kept?.end();
    let answer = kept && !alone ? await ask(kept) : undefined;
    // one that died while it waited has not touched this job
    if (!answer?.begun) answer = await ask(new WorkerProcess(this.#options));
    const { last, provenance } = answer;
    if (last.type === 'failed') throw new JobError(last.error, { fatal: last.fatal, provenance });
  }

  #takeKept(engine: EngineRef): WorkerProcess | undefined {
    const found = this.#kept.find((kept) => sameEngine(kept.engine, engine));
    this.#kept = this.#kept.filter((kept) => kept !== found);
    return found?.worker;
  }

  async close(): Promise<void> {
    await Promise.all(this.#kept.map(({ worker }) => worker.end()));
    this.#kept = [];
  }
}

/** Starts an engine in a process of its own, to learn what it is. Throws what `chooseEngine` throws. */
export async function probeEngine(asked: Asked, signal: AbortSignal): Promise<EngineProbe> {
  const { last } = await new WorkerProcess({ silenceMs: 120_000 }).ask({ do: 'probe', asked }, signal, {});
  if (last.type === 'failed') throw new RampartError(last.error.message);
  if (last.type !== 'probed') throw new RampartError(`[engine ${asked.request}] gave no answer`);
  return last.probe;
}
