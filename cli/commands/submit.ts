/** `rampart submit`: a run on a cluster's scheduler. On Slurm as a script that is shown, kept in the folder of the run, and handed in. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RampartError } from '../../errors.ts';
import { packageRoot } from '../../harness/job/provenance.ts';
import { slurmScript } from '../../harness/run/queue/slurm.ts';
import { MOST_PROCESSORS } from '../../harness/suite/most.ts';
import { loadSuite } from '../../harness/suite/read.ts';
import type { Suite } from '../../harness/suite/suite.ts';
import { precisionOf, shardOption } from '../chosen.ts';
import { countOption, dataDirOf, engineOf, outOf, queueOf, suiteFile, UsageError } from '../options.ts';
import { dim, print, printBlock, shownPath } from '../output.ts';
import { mayLoad, tellUnloaded } from '../trust.ts';
import { type KubernetesOptions, submitToKubernetes } from './submit-kubernetes.ts';

export interface SubmitOptions extends KubernetesOptions {
  slurm?: boolean;
  partition?: unknown;
  time?: unknown;
  account?: unknown;
  qos?: unknown;
  dryRun?: boolean;
  kubernetes?: boolean;
}

/** Options that are Slurm's own, given to it as they are. */
const SLURM = ['partition', 'time', 'mem', 'account', 'qos'] as const;

export async function submitCommand(file: string | undefined, options: SubmitOptions): Promise<number> {
  if ((options.slurm ?? false) === (options.kubernetes ?? false))
    throw new UsageError(
      '[submit] expected --slurm or --kubernetes; for another scheduler, start `rampart worker` in each of its tasks: docs/clusters.md',
    );
  const path = suiteFile(file);
  const { suite, registry } = await loadSuite(path, mayLoad(options));
  if (registry.unloaded.length > 0) return tellUnloaded(suite.file, registry, options.json);
  return options.slurm ? submitToSlurm(path, suite, options) : submitToKubernetes(suite, registry, options);
}

function submitToSlurm(path: string, suite: Suite, options: SubmitOptions): number {
  const out = outOf(options, suite);
  const gpus = countOption('gpus', options.gpus, 1024);
  const threads = countOption('threads', options.threads, MOST_PROCESSORS) ?? 1;
  const workers = countOption('workers', options.workers, MOST_PROCESSORS) ?? 1;
  const script = slurmScript({
    name: `rampart-${suite.name}`,
    program: [process.execPath, join(packageRoot(), 'dist/cli/main.js')],
    suite: path,
    out,
    data: dataDirOf(options),
    tasks: countOption('array', options.array, 100_000) ?? 1,
    engine: engineOf(options) ?? (gpus === undefined ? 'auto' : 'torch:cuda'),
    threads,
    precision: precisionOf(options),
    workers,
    slurm: { ...ownOptions(options), ...(gpus === undefined ? {} : { gpus: String(gpus) }), 'cpus-per-task': String(threads * workers) },
    run: options.shard === undefined ? [] : ['--shard', String(shardOption(options.shard))],
    ...(queueOf(options) !== undefined && { queue: queueOf(options) as string }),
  });
  mkdirSync(join(out, 'slurm'), { recursive: true, mode: 0o700 });
  rmSync(join(out, 'slurm', 'done'), { force: true });
  const kept = join(out, 'slurm', 'job.sh');
  writeFileSync(kept, script, { mode: 0o700 });
  printBlock(script);
  if (options.dryRun) {
    print(dim(`kept as ${shownPath(kept)}; hand it in with: sbatch ${shownPath(kept)}`));
    return 0;
  }
  const { status, stdout, stderr, error } = spawnSync('sbatch', ['--parsable', kept], { encoding: 'utf8' });
  if (error || status !== 0)
    throw new RampartError(`[submit] sbatch did not take it: ${(error?.message ?? stderr).trim()}`, {
      remedy: `mend it, then: sbatch ${shownPath(kept)}`,
    });
  print(`job ${stdout.trim()}; its words are in ${shownPath(join(out, 'slurm'))}, its state in: squeue -j ${stdout.trim().split(';')[0]}`);
  return 0;
}

function ownOptions(options: SubmitOptions): Record<string, string> {
  const own: Record<string, string> = {};
  for (const name of SLURM) {
    const value = options[name];
    if (value === undefined) continue;
    if (!/^[\w.:,=/-]+$/.test(String(value))) throw new UsageError(`[--${name}] expected a value of sbatch, got "${value}"`);
    own[name] = String(value);
  }
  return own;
}
