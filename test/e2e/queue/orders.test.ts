/** What a coordinator hands out and what it makes of the answers, with a real Redis and no worker of ours. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { RunSettings } from '../../../harness/job/job.ts';
import { queueMachines } from '../../../harness/run/queue/coordinator.ts';
import { BEGAN, GAVE_BACK } from '../../../harness/run/queue/protocol.ts';
import { Board, openLine } from '../../../harness/run/queue/redis.ts';
import { cpuEngine, planFor } from '../../harness/run/plans.ts';
import { noRedis, redisServer } from './cluster.ts';

const SETTINGS: RunSettings = { plugins: [], keepExamples: 2, timeoutMinutes: 240 };

/** A job of a plan, and runs that have it done through a queue of their own. */
async function handing() {
  const { plan } = await planFor();
  const job = (plan.models[0] as (typeof plan.models)[number]).job;
  const { url } = await redisServer();
  const line = await openLine(url);
  const board = new Board(line, '0123456789abcdef01234567');
  const abort = new AbortController();
  const options = { connection: line.redis, prefix: board.prefix };
  const name = board.queueOf(job.engine);
  const queue = new line.bull.Queue(name, options);
  const run = (settings: RunSettings) => {
    const executor = queueMachines(line, board).executor(settings);
    const end = executor.run({ job, batchSize: 8 }, cpuEngine, abort.signal, {}).then(
      () => 'done',
      (error: Error) => error,
    );
    onTestFinished(async () => {
      abort.abort(new Error('the test has ended'));
      await end;
      await executor.close();
    });
    return end;
  };
  onTestFinished(() => line.close());
  const ordered = async () => (await queue.getJob(`model-${job.key}`))?.data;
  return { run, queue, ordered, name, line, options };
}

test.skipIf(noRedis)('what waits for a run that is gone is done as the next one wants it', { timeout: 60_000 }, async () => {
  const { run, queue, ordered } = await handing();
  run({ ...SETTINGS, keepExamples: 1 });
  while (!(await ordered())) await sleep(20);
  run(SETTINGS);
  while ((await ordered())?.settings.keepExamples === 1) await sleep(20);
  expect((await ordered())?.settings).toEqual(SETTINGS);
  expect(await queue.getPrioritizedCount()).toBe(1);
});

test.skipIf(noRedis)('a worker that cannot begin is not told as several that were lost', { timeout: 60_000 }, async () => {
  const { run, name, line, options } = await handing();
  const worker = new line.bull.Worker(
    name,
    async () => {
      throw new Error('EIO: i/o error, read');
    },
    options,
  );
  onTestFinished(() => worker.close(true));
  expect(await run(SETTINGS)).toMatchObject({ kind: 'error', message: 'its worker failed: EIO: i/o error, read' });
});

test.skipIf(noRedis)('workers that gave a job back are none that were lost at it', { timeout: 60_000 }, async () => {
  const { run, queue, ordered, name, line, options } = await handing();
  const end = run(SETTINGS);
  while (!(await ordered())) await sleep(20);
  const [job] = await queue.getPrioritized();
  for (const [who, word] of [
    ['a', BEGAN],
    ['a', GAVE_BACK],
    ['b', BEGAN],
  ])
    await job?.log(`${who}${word}`);
  const impatient = { ...options, lockDuration: 500, stalledInterval: 500, maxStalledCount: 0, skipLockRenewal: true };
  const works = () =>
    new Promise<void>((begun) => {
      const worker = new line.bull.Worker(
        name,
        () => {
          begun();
          return new Promise(() => undefined);
        },
        impatient,
      );
      onTestFinished(() => worker.close(true));
    });
  await works();
  void works();
  expect(await end).toMatchObject({ kind: 'killed', message: '1 workers were lost while they did it: a began; a gave it back; b began' });
});
