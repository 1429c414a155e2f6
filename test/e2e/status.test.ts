/** What a run on a queue says of itself, for `rampart status`. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Board, openLine } from '../../harness/run/queue/redis.ts';
import { FolderStore } from '../../records/folder-store.ts';
import { rampart, workFolder } from './cli.ts';
import { noRedis, redisServer, worker } from './queue/cluster.ts';

test.skipIf(noRedis)('how much is done and lost, how long it will take, and what each worker runs on', { timeout: 100_000 }, async () => {
  const { url } = await redisServer();
  const out = join(workFolder(), 'out');
  const own = worker(url, out);
  const line = await openLine(url);
  onTestFinished(() => line.close());
  const board = new Board(line, await new FolderStore(out).id());
  while ((await board.workers()).length === 0) await new Promise((next) => setTimeout(next, 100));
  await board.showState({ finished: 3, total: 8, left: 150_000, lost: 1 });
  const { output } = rampart('status', '--queue', url, '--out', out);
  expect(output).toContain(
    '3 of 8 jobs are done, about 2 min 30 s left, by the speeds of all workers; 1 lost with their workers and handed out again',
  );
  const [there] = await board.workers();
  expect(there?.runsOn).toMatch(/^\S.* \(threads: 1\), wasm \d/);
  expect(output).toContain(there?.runsOn);
  const told = JSON.parse(rampart('status', '--queue', url, '--out', out, '--json').output);
  expect(told.run).toEqual({ finished: 3, total: 8, left: 150_000, lost: 1 });
  own.signal('SIGTERM');
  await own.ended;
});
