/** A process that does one job after another: starts the engine, performs what it is given, and reports to its parent. */
import { chooseEngine } from '../../../engines/choose.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { StoreError } from '../../../records/store.ts';
import { tf } from '../../../tensor/tf.ts';
import { watchStandstills } from '../../awake.ts';
import type { JobContext, JobProgress } from '../../job/context.ts';
import { folderData } from '../../job/data.ts';
import { engineRequest } from '../../job/engine.ts';
import { failureOf } from '../../job/failures.ts';
import { perform } from '../../job/perform.ts';
import { loadPlugins } from '../../job/plugins.ts';
import { forgetPeakMemory, provenance } from '../../job/provenance.ts';
import type { Assignment, Message } from './messages.ts';

const SIGN_EVERY_MS = 200;
const parent = process.ppid;

// Ctrl-C reaches the whole process group: the parent decides what becomes of this job
process.on('SIGINT', () => undefined);
// nobody is there to work for
process.on('disconnect', () => process.exit(1));
if (!process.connected) process.exit(1);

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
  if (!process.connected || process.ppid !== parent) process.exit(1);
  void tell({ type: 'sign', progress: latest });
}

/** What a worker keeps from one job to the next. */
interface Tools {
  readonly context: Omit<JobContext, 'batchSize'>;
  /** Bytes of this process before its first job. */
  readonly memory: number;
}
let tools: Promise<Tools> | undefined;

async function prepare({ engine, settings, place }: Extract<Assignment, { do: 'job' }>): Promise<Tools> {
  watchStandstills();
  const { info } = await chooseEngine(engineRequest(engine), engine);
  const onDamage = ({ what, reason }: { what: string; reason: string }) => void tell({ type: 'note', text: `${what}: ${reason}` });
  const store = new FolderStore(place.out, { mend: true, onDamage });
  const registry = await loadPlugins(settings.plugins, place.plugins, store);
  const { signal } = new AbortController();
  const data = folderData(registry, place.dataDir, signal);
  return {
    context: { settings, registry, store, engine: info, data, outside: place.outside, signal, report },
    memory: process.memoryUsage.rss(),
  };
}

async function work(assignment: Assignment): Promise<Message> {
  if (assignment.do === 'probe') {
    const { engine, info, why } = await chooseEngine(assignment.asked.request, assignment.asked);
    return { type: 'probed', probe: { info, devices: await engine.devices(), why } };
  }
  tools ??= prepare(assignment);
  const { context, memory } = await tools;
  const { task } = assignment;
  await tell({ type: 'started', provenance: provenance(context.engine) });
  const before = tensorsHeld();
  const forgotten = forgetPeakMemory();
  const { status } = await perform(task.job, { ...context, batchSize: task.batchSize });
  const clean = status === 'done' && forgotten && isSmall(memory) && tensorsHeld() === before;
  return { type: 'done', stays: clean && !assignment.alone && !context.registry.handedOutForeign };
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
