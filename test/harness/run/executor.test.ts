import { expect, test } from 'vitest';
import { JobError } from '../../../harness/run/executor.ts';
import { probeEngine, processExecutor } from '../../../harness/run/local/process-executor.ts';
import { freshFolder } from '../folders.ts';
import { cpuEngine, planFor } from './plans.ts';

const never = new AbortController().signal;

async function cleanJob() {
  const { plan } = await planFor();
  const job = plan.cells[0]?.job(
    () => 'weights',
    () => 'key',
  );
  if (!job) throw new Error('the plan is empty');
  const settings = { out: freshFolder(), dataDir: '', plugins: [], revision: '', batchSize: 8, keepExamples: 0 };
  return { job, settings };
}

test('an engine is started in a process of its own, and told', { timeout: 100_000 }, async () => {
  const { info, devices, why } = await probeEngine('cpu', 1, never);
  expect(info).toMatchObject({ name: 'cpu', device: 'cpu' });
  expect(devices).toEqual(['cpu']);
  expect(why).toMatch('as asked');
});

test('an engine that is not known is an error with the nearest name', { timeout: 100_000 }, async () => {
  await expect(probeEngine('wsam', 1, never)).rejects.toThrow('unknown engine "wsam"; did you mean "wasm"?');
});

test('a worker that gives no sign of life is ended, and that is a timeout', { timeout: 100_000 }, async () => {
  const { job, settings } = await cleanJob();
  const error = await processExecutor(settings, { silenceMs: 20 })
    .run(job, cpuEngine, never, () => undefined)
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(JobError);
  expect(error).toMatchObject({ kind: 'timeout', fatal: false });
  expect((error as JobError).message).toMatch(/^no sign of life for \d+ s; the worker was ended$/);
});

test('data that is not what the run was planned with is an error of the job', { timeout: 100_000 }, async () => {
  const { job, settings } = await cleanJob();
  await expect(processExecutor(settings, { silenceMs: 60_000 }).run(job, cpuEngine, never, () => undefined)).rejects.toThrow(
    '[data set shapes] is not what the run was planned with: its files changed; run the suite again',
  );
});

test('an interrupted job ends with the reason of the interruption', { timeout: 100_000 }, async () => {
  const { job, settings } = await cleanJob();
  const abort = new AbortController();
  const running = processExecutor(settings, { silenceMs: 60_000 }).run(job, cpuEngine, abort.signal, () => undefined);
  setTimeout(() => abort.abort(new Error('interrupted')), 50);
  await expect(running).rejects.toThrow('interrupted');
});
