/** A process that does one job: starts the engine, trains or attacks, writes to the store, and reports to its parent. */
import { chooseEngine } from '../engines/choose.ts';
import { RampartError } from '../errors.ts';
import { BudgetError } from './checks.ts';
import type { Failure } from './failures.ts';
import { engineRequest } from './jobs.ts';
import type { Assignment, Message } from './messages.ts';
import { loadRegistry } from './registry.ts';
import { runCell } from './run-cell.ts';
import { runModel } from './run-model.ts';
import { Store, StoreError } from './store.ts';
import type { JobProgress } from './work-context.ts';

const SIGN_EVERY_MS = 200;
const parent = process.ppid;

// Ctrl-C reaches the whole process group: the parent decides what becomes of this job
process.on('SIGINT', () => undefined);

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

async function work(assignment: Assignment): Promise<Message> {
  if (assignment.do === 'probe') {
    const { engine, info, why } = await chooseEngine(assignment.request, { threads: assignment.threads });
    return { type: 'probed', probe: { info, devices: await engine.devices(), why } };
  }
  const { job, settings } = assignment;
  const { info } = await chooseEngine(engineRequest(assignment.engine), { threads: assignment.engine.threads });
  const registry = await loadRegistry(settings.plugins);
  const context = { settings, registry, store: new Store(settings.out), engine: info, signal: new AbortController().signal, report };
  await (job.kind === 'model' ? runModel(job, context) : runCell(job, context));
  return { type: 'done' };
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

process.once('message', (assignment: Assignment) => {
  work(assignment)
    .catch((error: unknown): Message => ({ type: 'failed', error: failureOf(error), fatal: error instanceof StoreError }))
    .then(tell)
    // engines leave threads and timers behind that would keep the process
    .finally(() => process.exit(0));
});
