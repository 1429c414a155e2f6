import { expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import { freshFolder } from '../folders.ts';
import { JobError, probeEngine, processExecutor } from './built.ts';
import { cpuEngine, planFor } from './plans.ts';

const never = new AbortController().signal;

async function cleanJob() {
  const { plan } = await planFor();
  const job = plan.cells[0]?.job(
    () => 'weights',
    () => 'key',
  );
  if (!job) throw new Error('the plan is empty');
  const place = { out: freshFolder(), dataDir: '', plugins: [], outside: [] };
  const run = (silenceMs: number, signal = never) =>
    processExecutor({ plugins: [], keepExamples: 0 }, place, { silenceMs }).run({ job, batchSize: 8 }, cpuEngine, signal, {});
  return { job, run, store: new FolderStore(place.out) };
}

test('an engine is started in a process of its own, and told', { timeout: 100_000 }, async () => {
  const { info, devices, why } = await probeEngine({ request: 'cpu', threads: 1 }, never);
  expect(info).toMatchObject({ name: 'cpu', device: 'cpu' });
  expect(devices).toEqual(['cpu']);
  expect(why).toMatch('as asked');
});

test('an engine that is not known is an error with the nearest name', { timeout: 100_000 }, async () => {
  await expect(probeEngine({ request: 'wsam', threads: 1 }, never)).rejects.toThrow('unknown engine "wsam"; did you mean "wasm"?');
});

test('a worker that gives no sign of life is ended, and that is a timeout', { timeout: 100_000 }, async () => {
  const { run } = await cleanJob();
  const error = await run(20).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(JobError);
  expect(error).toMatchObject({ kind: 'timeout', fatal: false });
  expect((error as Error).message).toMatch(/^no sign of life for \d+ s; the worker was ended$/);
});

test('a job that fails leaves a record with its reason and with where it was performed', { timeout: 100_000 }, async () => {
  const { job, run, store } = await cleanJob();
  await run(60_000);
  const record = await store.record('cell', job.key);
  const { info } = await probeEngine({ request: 'cpu', threads: 1 }, never);
  expect(record).toMatchObject({
    status: 'failed',
    error: {
      kind: 'error',
      message: `[engine cpu] expected cpu 0 on cpu with 1 threads, got cpu ${info.version} on cpu with 1 threads; run the suite again, on machines with the same engine`,
    },
    provenance: { engine: { name: 'cpu', version: info.version } },
  });
});

test('an interrupted job ends with the reason of the interruption', { timeout: 100_000 }, async () => {
  const { run } = await cleanJob();
  const abort = new AbortController();
  const running = run(60_000, abort.signal);
  setTimeout(() => abort.abort(new Error('interrupted')), 50);
  await expect(running).rejects.toThrow('interrupted');
});
