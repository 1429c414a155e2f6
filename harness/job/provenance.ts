/** Where and with what a job runs: versions, revision, machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, platform, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EngineInfo } from '../../engines/engine.ts';
import type { Provenance } from '../../records/record.ts';

/** The folder of this package: that of the nearest package.json, whether run from source or from `dist`. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;
}

let revision: string | undefined;

/** The git revision of the package with `+changes` where files differ from it; `unknown` outside a clone. Asked once per process. */
export function gitRevision(): string {
  revision ??= askGit();
  return revision;
}

function askGit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: packageRoot(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    if (!existsSync(join(packageRoot(), '.git'))) return 'unknown';
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return git('rev-parse', 'HEAD') + (changed ? '+changes' : '');
  } catch {
    return 'unknown'; // git is not installed, or the clone belongs to another user
  }
}

/** Where this process is and what it runs on. */
export function provenance(engine: Pick<EngineInfo, 'name' | 'version' | 'device' | 'threads' | 'precision' | 'deviceName'>): Provenance {
  const { name, version, device, threads, precision, deviceName } = engine;
  const processors = cpus();
  return {
    rampart: packageVersion(),
    revision: gitRevision(),
    node: process.version,
    engine: { name, version, device, threads, ...(precision && { precision }), ...(deviceName && { deviceName }) },
    host: {
      cpu: processors[0]?.model.trim() ?? 'unknown',
      cores: processors.length,
      memoryGb: Math.round(totalmem() / 2 ** 30),
      platform: `${platform()} ${release()}`,
    },
    startedAt: new Date().toISOString(),
  };
}

/** The most memory this process has held since the last `forgetPeakMemory`, in MB. */
export function peakMemoryMb(): number {
  return Math.round(peakKb() / 1024);
}

function peakKb(): number {
  try {
    // not what getrusage tells, which begins with the memory of the process that started this one
    const status = readFileSync('/proc/self/status', 'utf8');
    return Number(status.match(/^VmHWM:\s+(\d+) kB$/m)?.[1] ?? process.resourceUsage().maxRSS);
  } catch {
    return process.resourceUsage().maxRSS; // not Linux
  }
}

/** Lowers the peak to what the process holds now. False where the system cannot do that. */
export function forgetPeakMemory(): boolean {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false; // not Linux, or not permitted
  }
}
