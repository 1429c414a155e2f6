/** What is known to make this engine slow where it runs. Each was measured, docs/engines.md says how. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Library } from './binding.ts';

const SLOW_BLAS = /(^|\/)blas\/|libblas\.so/;
const JEMALLOC = /\/libjemalloc[^/]*\.so/;

/** Where this process runs, as far as it matters for speed. */
export interface Surroundings {
  /** Processors that this process may use. */
  readonly processors: number;
  /** Real paths of the libraries that are loaded. */
  readonly libraries: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Libraries in this process, by their real paths; none where the system does not tell. */
function loadedLibraries(): string[] {
  const maps = existsSync('/proc/self/maps') ? readFileSync('/proc/self/maps', 'utf8') : '';
  const paths = [...maps.matchAll(/\s(\/\S+\.so[\d.]*)$/gm)].map((m) => m[1] as string);
  return [...new Set(paths)].filter(existsSync).map((path) => realpathSync(path));
}

export function surroundings(): Surroundings {
  return { processors: availableParallelism(), libraries: loadedLibraries(), env: process.env };
}

/** The BLAS that the dynamic linker gave this process, by its real path; what libtorch was built with when it is part of it. */
export function loadedBlas(
  { config }: Pick<Library, 'config'>,
  { libraries }: Pick<Surroundings, 'libraries'>,
): { name: string; reference: boolean } {
  const found = libraries.filter((path) => /(?:blas|mkl)[^/]*\.so/.test(path));
  const good = found.find((path) => /openblas|mkl|blis|atlas/.test(path));
  if (good) return { name: good, reference: false };
  const reference = found.find((path) => SLOW_BLAS.test(path));
  if (reference) return { name: reference, reference: true };
  return { name: config.match(/BLAS_INFO=(\w+)/)?.[1] ?? 'unknown', reference: false };
}

/** One sentence for each thing that makes it slow, with what mends it. */
export function warningsOf(library: Pick<Library, 'config' | 'onednn' | 'threads'>, around: Surroundings): string[] {
  const { processors, libraries, env } = around;
  const blas = loadedBlas(library, around);
  const warnings: string[] = [];
  if (blas.reference)
    warnings.push(`the BLAS is the reference one (${blas.name}), 25 times slower than OpenBLAS: apt-get install -y libopenblas0-pthread`);
  if (!library.onednn) warnings.push('this libtorch has no oneDNN: convolutions are slow');
  if (library.threads > processors)
    warnings.push(
      `${library.threads} threads on ${processors} processors: a training step takes several times as long as with ${processors} (--threads)`,
    );
  if (env.OMP_WAIT_POLICY?.toLowerCase() === 'active' && library.threads > 1)
    warnings.push(
      'threads spin while they wait (OMP_WAIT_POLICY=active): beside other work a step takes several times as long; leave it unset',
    );
  const allocator = libraries.find((path) => JEMALLOC.test(path));
  if (allocator && !/dirty_decay_ms:-1/.test(env.MALLOC_CONF ?? ''))
    warnings.push(
      `${allocator} gives memory back between steps, which makes them 1.5 to 1.8 times as long: MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1`,
    );
  return warnings;
}
