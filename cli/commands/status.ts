/** `rampart status`: the workers that serve a folder through a queue, what each does, and what waits. */

import { engineIdentity } from '../../harness/job/engine.ts';
import { Board, openLine } from '../../harness/run/queue/redis.ts';
import { FolderStore } from '../../records/folder-store.ts';
import { duration } from '../../reports/formats/format.ts';
import { folderOf, queueOf, type RawOptions, UsageError } from '../options.ts';
import { print, printBlock, printJson, table } from '../output.ts';

export async function statusCommand(options: RawOptions): Promise<number> {
  const url = queueOf(options);
  const out = folderOf(options);
  if (url === undefined || out === undefined) throw new UsageError('[status] expected --queue redis://HOST:PORT and --out DIR');
  const line = await openLine(url, 0);
  try {
    const board = new Board(line, await new FolderStore(out).id());
    const workers = await board.workers();
    const state = await board.state();
    const lanes = new Map(workers.map(({ info }) => [board.queueOf(engineIdentity(info)), info]));
    const queues = await Promise.all(
      [...lanes].map(async ([name, { name: engine, version, device, threads, precision }]) => {
        const queue = new line.bull.Queue(name, { connection: line.redis, prefix: board.prefix });
        const counts = await queue.getJobCounts('prioritized', 'wait', 'active', 'completed', 'failed');
        await queue.close();
        const { prioritized = 0, wait = 0, active = 0, completed = 0, failed = 0 } = counts;
        return {
          engine: `${engine} ${version} on ${device}, ${threads} threads${precision ? `, ${precision}` : ''}`,
          waiting: prioritized + wait,
          active,
          completed,
          failed,
        };
      }),
    );
    if (options.json) {
      printJson({ ...(state && { run: state }), workers, queues });
      return 0;
    }
    if (state)
      print(
        `${state.finished} of ${state.total} jobs are done, about ${duration(state.left)} left, by the speeds of all workers; ${state.lost} lost with their workers and handed out again`,
      );
    if (workers.length === 0) print('no worker serves this folder: rampart worker');
    else {
      const rows = workers.map(({ name, runsOn, slots, doing }) => [name, runsOn, `${doing.length} of ${slots}`, doing.join(', ') || '-']);
      printBlock(table(['worker', 'runs on', 'busy', 'does'], rows, new Set([2])));
      const sums = queues.map((q) => [q.engine, q.waiting, q.active, q.completed, q.failed].map(String));
      printBlock(table(['engine', 'waiting', 'at work', 'lately done', 'lost'], sums, new Set([1, 2, 3, 4])));
    }
    return 0;
  } finally {
    line.close();
  }
}
