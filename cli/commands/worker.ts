/** `rampart worker`: takes jobs of runs on a queue, on this machine, for the folder that all of them see. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { RunSettings } from '../../harness/job/job.ts';
import { sourcesOf } from '../../harness/job/outside.ts';
import { putPlugins } from '../../harness/job/plugins.ts';
import { localMachines } from '../../harness/run/local/process-executor.ts';
import { Board, openLine } from '../../harness/run/queue/redis.ts';
import { serveQueue } from '../../harness/run/queue/worker.ts';
import { slotsOn } from '../../harness/run/slots.ts';
import { isScript } from '../../harness/suite/models.ts';
import { MOST_MINUTES, MOST_PROCESSORS } from '../../harness/suite/most.ts';
import { loadSuite } from '../../harness/suite/read.ts';
import { FolderStore } from '../../records/folder-store.ts';
import { sha256 } from '../../records/hash.ts';
import { precisionOf } from '../chosen.ts';
import { endAtOnce, endInOrder } from '../interrupt.ts';
import { countOption, dataDirOf, engineOf, folderOf, patienceOf, queueOf, type RawOptions, suiteFile, UsageError } from '../options.ts';
import { dim, print, printError, printOutput, shownPath } from '../output.ts';

/** `file`: a suite whose plug-ins and models of other programs this worker may execute. */
export async function workerCommand(file: string | undefined, options: RawOptions, signal: AbortSignal): Promise<number> {
  const url = queueOf(options);
  const out = folderOf(options);
  if (url === undefined || out === undefined)
    throw new UsageError('[worker] expected --queue redis://HOST:PORT and --out DIR, the folder that the run writes to');
  const loaded = file === undefined ? undefined : await loadSuite(suiteFile(file));
  const store = new FolderStore(out, { mend: true, onDamage: ({ what, reason }) => printError(`${shownPath(what)}: ${reason}`) });
  await store.prepare();
  const plugins = loaded ? await putPlugins(loaded.registry, store) : [];
  const outside = loaded ? sourcesOf(loaded.suite, out) : [];
  const scripts = (loaded?.suite.models ?? []).filter(isScript);
  const programs = new Set(scripts.map(({ torchscript }) => sha256(readFileSync(torchscript))));
  const place = { out, dataDir: dataDirOf(options), plugins: loaded?.suite.plugins ?? [], outside };
  const machinesFor = (settings: Pick<RunSettings, 'timeoutMinutes'>) =>
    localMachines(place, { silenceMs: silenceOf(options, settings), onOutput: options.verbose ? printOutput : undefined });
  const machines = machinesFor({});
  const threads = countOption('threads', options.threads, MOST_PROCESSORS) ?? 1;
  const request = engineOf(options) ?? 'auto';
  const line = await openLine(url, patienceOf(options));
  try {
    const precision = precisionOf(options);
    const probe = await machines.probe({ request, threads, precision }, signal);
    const workers = countOption('workers', options.workers, MOST_PROCESSORS);
    const slots = slotsOn(probe, { engine: {} }, { engine: request, threads, precision, ...(workers !== undefined && { workers }) });
    print(dim(`engine ${probe.why}; ${slots.length} of ${cpus().length} processors' jobs at a time; folder ${shownPath(out)}`));
    endInOrder();
    const lockMs = 1000 * (countOption('lost-after', options.lostAfter, 86_400) ?? 30);
    const board = new Board(line, await store.id());
    const untilDone = options.untilDone ?? false;
    const executor = (settings: RunSettings) => machinesFor(settings).executor(settings);
    const end = await serveQueue({ line, board, store, probe, slots, plugins, programs, executor, tell: print, lockMs, untilDone }, signal);
    return untilDone && end === 'stopped' ? 1 : 0;
  } finally {
    endAtOnce();
    line.close();
  }
}

/** How long a job of a run may give no sign of life, in ms: as this worker was told, else as the run says. */
export function silenceOf({ timeout }: Pick<RawOptions, 'timeout'>, { timeoutMinutes = 30 }: Pick<RunSettings, 'timeoutMinutes'>): number {
  return 60_000 * (countOption('timeout', timeout, MOST_MINUTES) ?? timeoutMinutes);
}
