/** A process that does one job after another: starts the engine, trains or attacks, writes to the store, and reports to its parent. */
import type { Dataset } from '../../../datasets/dataset.ts';
import { chooseEngine } from '../../../engines/choose.ts';
import type { EngineInfo } from '../../../engines/engine.ts';
import { RampartError } from '../../../errors.ts';
import { Store, StoreError } from '../../../records/folder-store.ts';
import { tf } from '../../../tensor/tf.ts';
import { BudgetError } from '../../evaluate/checks.ts';
import type { JobProgress } from '../../job/context.ts';
import { loadData } from '../../job/data.ts';
import type { Failure } from '../../job/failures.ts';
import { type DataRef, engineRequest } from '../../job/job.ts';
import { forgetPeakMemory } from '../../job/provenance.ts';
import { runCell } from '../../job/run-cell.ts';
import { runModel } from '../../job/run-model.ts';
import { loadRegistry, type Registry } from '../../suite/registry.ts';
import type { Assignment, Message } from './messages.ts';

const SIGN_EVERY_MS = 200;
const parent = process.ppid;

// Ctrl-C reaches the whole process group: the parent decides what becomes of this job
process.on('SIGINT', () => undefined);
// nobody is there to work for
process.on('disconnect', () => process.exit(1));

function tell(message: Message): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

let lastSign = 0;
let latest: JobProgress | undefined;

/** At most five messages a second. A worker whose parent has died stops: its checkpoint is what the next run goes on from. */
function report(progress?: JobProgress): void {
  latest = progress ?? latest;
  const now = performance.now();
  if (now - lastSign < SIGN_EVERY_MS) return;
  lastSign = now;
  if (process.ppid !== parent) process.exit(1);
  void tell({ type: 'sign', progress: latest });
}

/** What a worker keeps from one job to the next. */
interface Tools {
  readonly info: EngineInfo;
  readonly registry: Registry;
  /** Bytes of this process before its first job. */
  readonly memory: number;
}
let tools: Promise<Tools> | undefined;
let held: { readonly identity: string; readonly data: Dataset } | undefined;

type JobAssignment = Extract<Assignment, { do: 'job' }>;

async function prepare({ engine, settings }: JobAssignment): Promise<Tools> {
  const { info } = await chooseEngine(engineRequest(engine), { threads: engine.threads });
  const registry = await loadRegistry(settings.plugins);
  return { info, registry, memory: process.memoryUsage.rss() };
}

async function work(assignment: Assignment): Promise<Message> {
  if (assignment.do === 'probe') {
    const { engine, info, why } = await chooseEngine(assignment.request, { threads: assignment.threads });
    return { type: 'probed', probe: { info, devices: await engine.devices(), why } };
  }
  const { job, settings } = assignment;
  tools ??= prepare(assignment);
  const { info, registry, memory } = await tools;
  const before = tensorsHeld();
  const forgotten = forgetPeakMemory();
  const { signal } = new AbortController();
  const testData = async (ref: DataRef) => {
    const identity = JSON.stringify([ref.plugin, ref.test]);
    if (held?.identity !== identity) held = { identity, data: await loadData(ref, 'test', registry, settings.dataDir, signal) };
    return held.data;
  };
  const context = { settings, registry, store: new Store(settings.out), engine: info, signal, testData, report };
  await (job.kind === 'model' ? runModel(job, context) : runCell(job, context));
  const stays = !assignment.alone && forgotten && isSmall(memory) && tensorsHeld() === before && !registry.handedOutForeign;
  return { type: 'done', stays };
}

/** In bytes. What a worker keeps counts in the peak of every later job, and takes memory from others: one that keeps more makes room for a fresh one. */
const MOST_LEFT_BEHIND = 256 * 2 ** 20;

/** Whether this process has grown by no more than that since before its first job, or than its size then: a GPU's libraries grow once, on first use. */
function isSmall(before: number): boolean {
  return process.memoryUsage.rss() - before < Math.max(MOST_LEFT_BEHIND, before);
}

function tensorsHeld(): string {
  const { numTensors, numDataBuffers } = tf.memory();
  return `${numTensors} tensors in ${numDataBuffers} buffers`;
}

const MEMORY = /out of memory|allocation failed|invalid array (buffer )?length|bad_alloc|DefaultCPUAllocator|cannot enlarge memory/i;

/** A failure in words: the error, and for one that is no user's mistake the line it came from. */
function failureOf(error: unknown): Failure {
  if (error instanceof BudgetError) return { kind: 'budget', message: error.message };
  if (error instanceof RampartError) return { kind: 'error', message: error.message };
  if (!(error instanceof Error)) return { kind: 'error', message: String(error) };
  const frame = error.stack?.split('\n').find((line) => line.trim().startsWith('at '));
  const place = frame?.match(/([^/\\()]+:\d+):\d+\)?$/)?.[1];
  const message = `${error.name}: ${error.message}${place ? ` (at ${place})` : ''}`;
  return { kind: MEMORY.test(error.message) ? 'memory' : 'error', message };
}

process.on('message', (assignment: Assignment) => {
  lastSign = 0;
  latest = undefined;
  report();
  work(assignment)
    .catch((error: unknown): Message => ({ type: 'failed', error: failureOf(error), fatal: error instanceof StoreError }))
    .then(async (last) => {
      await tell(last);
      // engines leave threads and timers behind that would keep the process
      if (!(last.type === 'done' && last.stays)) process.exit(0);
    });
});
