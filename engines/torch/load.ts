/** Finds and loads the addon; threads that wait soon sleep, so that workers can share a machine. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { RampartError, shellWord } from '../../errors.ts';
import { disagreements } from './agree.ts';
import type { Binding, Library } from './binding.ts';

/** Builds the addon, in a clone and in a project alike: npm runs no install script of a dependency that nobody has approved. */
export function buildCommand(): string {
  const script = relative('.', join(packageRoot(), 'engines/torch/build.mjs'));
  return `node ${shellWord(script.startsWith(`..${sep}..`) ? resolve(script) : script)}`;
}

/** From nothing to the addon. */
export function remedy(): string {
  return `apt-get install -y libtorch-dev libopenblas0-pthread && ${buildCommand()}`;
}

/** What `find.mjs` finds on this machine. */
export async function findLibrary(): Promise<{ readonly version: string; readonly source: string } | undefined> {
  const script = pathToFileURL(join(packageRoot(), 'engines/torch/find.mjs')).href;
  const { findLibtorch } = (await import(script)) as { findLibtorch(env: NodeJS.ProcessEnv): { found?: Omit<Built, 'addon'> } };
  return findLibtorch(process.env).found;
}

/** What the build found and used. */
export interface Built {
  readonly addon: string;
  readonly version: string;
  readonly source: string;
  /** The folder of its libraries. */
  readonly lib: string;
  /** Whether this libtorch was built for NVIDIA GPUs. */
  readonly cuda: boolean;
}

/** The package's root: the nearest folder above that has the addon's sources, whether this runs from source or from `dist`. */
function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'engines/torch/native/addon.cc'))) return folder;
    if (folder === dirname(folder)) throw new RampartError('[engine torch] the addon sources engines/torch/native are not in this package');
  }
}

/** The folder of the build; `RAMPART_TORCH_BUILD` names another one from the package's root, such as a build with a sanitizer or on another libtorch. */
function buildFolder(): string {
  return resolve(packageRoot(), process.env.RAMPART_TORCH_BUILD ?? 'engines/torch/native/build');
}

/** The addon that was built, or undefined. Loads nothing. */
export function findBuilt(): Built | undefined {
  const folder = buildFolder();
  const addon = join(folder, 'Release/rampart_torch.node');
  const stamp = join(folder, 'stamp.json');
  if (!existsSync(addon) || !existsSync(stamp)) return undefined;
  const { found } = JSON.parse(readFileSync(stamp, 'utf8')) as { found: Omit<Built, 'addon'> };
  return { addon, version: found.version, source: found.source, lib: found.lib, cuda: found.cuda };
}

/** Some fifty microseconds, as long as most gaps between loops; and some seven milliseconds, as GNU's OpenMP and so PyTorch spin by themselves. */
const [SHORT_SPIN, LONG_SPIN] = ['2000', '300000'];

/**
 * What the libraries of the addon are told of threads. One that waits for the next loop spins and then sleeps: to wake it costs more than most
 * gaps between loops. It spins long where the threads of all workers have a processor each (`beside` other workers, of `processors`), else shortly,
 * because a longer spin takes the processor from other work. What the user chose of these stays.
 */
export function threadSettings(
  threads: number,
  env: Readonly<Record<string, string | undefined>>,
  { beside, processors }: { beside: number; processors: number },
): Record<string, string> {
  const count = String(threads);
  const spin = threads * (beside + 1) <= processors ? LONG_SPIN : SHORT_SPIN;
  const spins: Record<string, string> =
    env.OMP_WAIT_POLICY === undefined ? { OMP_WAIT_POLICY: 'passive', GOMP_SPINCOUNT: env.GOMP_SPINCOUNT ?? spin } : {};
  return {
    ...spins,
    // OpenBLAS's own threads yield the processor again and again for 2^26 of its cycles after every product, unless told a smaller power
    OPENBLAS_THREAD_TIMEOUT: env.OPENBLAS_THREAD_TIMEOUT ?? '4',
    OMP_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
  };
}

/** Loads the addon. Throws with the paths tried and the remedy, also where the addon and this code do not agree on operations and codes. */
export function loadBinding(threads: number, beside = 0): { binding: Binding; built: Built } {
  const built = findBuilt();
  if (!built) {
    throw new RampartError(`[engine torch] the addon is not built (no ${join(buildFolder(), 'Release/rampart_torch.node')})`, {
      remedy: remedy(),
    });
  }
  // read once, when the libraries load
  Object.assign(process.env, threadSettings(threads, process.env, { beside, processors: availableParallelism() }));
  const binding = loaded(built);
  const wrong = disagreements(binding);
  if (wrong.length > 0)
    throw new RampartError(`[engine torch] ${built.addon} was built from other sources than these: ${wrong.join('; ')}`, {
      remedy: buildCommand(),
    });
  return { binding, built };
}

function loaded(built: Built): Binding {
  try {
    return createRequire(import.meta.url)(built.addon) as Binding;
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new RampartError(
      `[engine torch] ${built.addon}, built for libtorch ${built.version}, does not load against that in ${built.lib}: ${what}`,
      {
        remedy: existsSync(built.lib) ? buildCommand() : remedy(),
        cause,
      },
    );
  }
}

/**
 * Throws where the libtorch that was loaded is of another release than the headers that the addon was compiled with, as after an upgrade:
 * its classes may lie otherwise in memory.
 */
export function checkRelease(library: Pick<Library, 'version' | 'config'>, built: Built): void {
  const release = library.config.match(/TORCH_VERSION=(\d+\.\d+\.\d+)/)?.[1];
  if (release === undefined || release === library.version) return;
  throw new RampartError(`[engine torch] ${built.addon} was built for libtorch ${library.version}, and ${built.lib} holds ${release} now`, {
    remedy: buildCommand(),
  });
}
