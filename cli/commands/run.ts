/** `rampart run`: trains, attacks, and writes the site. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueListener } from '../../harness/run/queue/coordinator.ts';
import { type RunOptions, type RunResult, runSuite } from '../../harness/run/run.ts';
import { MOST_PROCESSORS } from '../../harness/suite/most.ts';
import { loadSuite } from '../../harness/suite/read.ts';
import type { Registry } from '../../harness/suite/registry.ts';
import type { Suite } from '../../harness/suite/suite.ts';
import { FolderStore } from '../../records/folder-store.ts';
import { buildView } from '../../reports/view/leaderboard.ts';
import type { View } from '../../reports/view/view.ts';
import { precisionOf, shardOption } from '../chosen.ts';
import { counterexamplesOf } from '../counterexamples.ts';
import { endAtOnce, endInOrder } from '../interrupt.ts';
import { countOption, dataDirOf, engineOf, outOf, patienceOf, queueOf, type RawOptions, suiteFile } from '../options.ts';
import {
  bold,
  dim,
  isTerminal,
  jobName,
  print,
  printBlock,
  printError,
  printJson,
  printOutput,
  printOver,
  red,
  shownPath,
} from '../output.ts';
import { keepSite } from '../site.ts';
import { summary } from '../summary.ts';
import { Display } from '../terminal.ts';

/** Resolves with the exit code: 0 when every cell is done, else 1. */
export async function runCommand(file: string | undefined, options: RawOptions, signal: AbortSignal): Promise<number> {
  const { suite, registry } = await loadSuite(suiteFile(file));
  return (await runResolved(suite, registry, options, signal)).code;
}

/** The same of a suite that has been read, with the view that its site shows. */
export async function runResolved(
  suite: Suite,
  registry: Registry,
  options: RawOptions,
  signal: AbortSignal,
): Promise<{ code: number; view: View }> {
  const out = outOf(options, suite);
  const display = new Display();
  print(`${bold(suite.title)}  ${dim(`${shownPath(suite.file)} -> ${shownPath(out)}`)}`);
  let result: RunResult;
  const queue = await queueFor(options, out, display);
  try {
    result = await runSuite(suite, registry, {
      out,
      dataDir: dataDirOf(options),
      engine: engineOf(options),
      workers: countOption('workers', options.workers, MOST_PROCESSORS),
      threads: countOption('threads', options.threads, MOST_PROCESSORS),
      precision: precisionOf(options),
      download: options.download !== false,
      shard: shardOption(options.shard),
      signal,
      listener: inOrder(display),
      machines: queue?.machines,
      onData: dataLine(),
      onOutput: options.verbose ? printOutput : undefined,
    });
    await queue?.done();
  } finally {
    endAtOnce();
    display.stop();
    queue?.close();
  }
  const store = new FolderStore(out, { onDamage: ({ what, reason }) => printError(`${shownPath(what)}: ${reason}`) });
  const found = await counterexamplesOf(result.records, store, (file, reason) => printError(`${file} is left out: ${reason}`));
  const view = buildView(result.records, found);
  if (options.json) printJson(result.records);
  else printBlock(`\n${summary(view)}\n`);
  const { title, description, publish } = suite;
  const site = await keepSite(result.records, store, out, { title, description, view, found, weights: publish?.weights ?? false });
  if (!options.json) print(`site ${shownPath(site)}`);
  for (const { planned, record } of result.failed) print(`${red('failed')} ${jobName(planned)}: ${record.error?.message ?? ''}`);
  return { code: result.failed.length === 0 ? 0 : 1, view };
}

/** The workers of a queue, where one is asked for; to be closed after the run. */
async function queueFor(options: RawOptions, out: string, display: Display) {
  const url = queueOf(options);
  if (url === undefined) return undefined;
  const [{ Board, openLine }, { queueMachines }] = await Promise.all([
    import('../../harness/run/queue/redis.ts'),
    import('../../harness/run/queue/coordinator.ts'),
  ]);
  const line = await openLine(url, patienceOf(options));
  const board = new Board(line, await new FolderStore(out).id());
  await board.announce({ is: 'begun' });
  // a run that is done does not wait for a Redis that is gone
  const done = () => Promise.race([board.announceDone(), sleep(5000, undefined, { ref: false })]);
  const listener: QueueListener = {
    note: (text) => display.note(text),
    workers: (workers) => {
      display.workers(workers);
      const state = display.state();
      // whoever asks meanwhile is told later
      if (state) board.showState(state).catch(() => undefined);
    },
    lost: () => display.lost(),
  };
  return { machines: queueMachines(line, board, listener), done, close: () => line.close() };
}

/** Shows what happens, and ends in order from when jobs start: before, nothing is at work that a sudden end could harm. */
function inOrder(display: Display): RunOptions['listener'] {
  return {
    engine: (probe, slots) => display.engine(probe, slots),
    planned: (plan) => {
      endInOrder();
      display.planned(plan);
    },
    started: (planned, _device, range) => display.started(planned, range),
    progress: (planned, progress, range) => display.progress(planned, progress, range),
    shard: (planned, range, record) => display.shard(planned, range, record),
    finished: (planned, state, record) => display.finished(planned, state, record),
    note: (text) => display.note(text),
  };
}

/** One line per tenth of what is loaded or downloaded: enough to see that it moves. */
function dataLine(): (message: string, done: number, total: number) => void {
  let last = '';
  return (message, done, total) => {
    const line = `${message} ${total > 0 ? `${Math.floor((10 * done) / total) * 10} %` : ''}`;
    if (line === last) return;
    last = line;
    if (isTerminal) printOver(dim(line), done >= total);
    else if (done >= total) print(line);
  };
}
