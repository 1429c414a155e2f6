/** The torch engine: TensorFlow.js on libtorch, on the CPU through oneDNN and on NVIDIA GPUs through cuDNN. */
import { existsSync, readdirSync } from 'node:fs';
import { RampartError } from '../../errors.ts';
import type { Engine } from '../engine.ts';
import type { Library } from './binding.ts';
import { type Built, buildCommand, findBuilt, findLibrary, loadBinding, loadedBlas, remedy } from './load.ts';

/** The release that the build found; its headers, which the library repeats, may name the one before. */
function versionOf(library: Library, built: Built): string {
  return built.version === 'unknown' ? library.version : built.version;
}

function detailsOf(library: Library, built: Built, blas: string): Record<string, string> {
  return {
    libtorch: `${versionOf(library, built)} (${built.source})`,
    path: built.lib,
    'CPU capability': library.config.match(/CPU capability usage: (\S+)/)?.[1] ?? 'unknown',
    oneDNN: library.config.match(/MKL-DNN v(\S+)/)?.[1] ?? (library.onednn ? 'yes' : 'no'),
    BLAS: blas,
    'CUDA devices': String(library.cudaDevices),
  };
}

function warningsOf(library: Library, blas: { name: string; reference: boolean }): string[] {
  const warnings: string[] = [];
  if (blas.reference)
    warnings.push(`the BLAS is the reference one (${blas.name}), 25 times slower than OpenBLAS: apt-get install -y libopenblas0-pthread`);
  if (!library.onednn) warnings.push('this libtorch has no oneDNN: convolutions are slow');
  return warnings;
}

/** One folder for each NVIDIA GPU that the driver runs. */
const DRIVER = '/proc/driver/nvidia/gpus';

export const torch: Engine = {
  name: 'torch',
  title: 'libtorch (oneDNN on the CPU, cuDNN on NVIDIA GPUs)',
  rank: 100,
  async probe() {
    const built = findBuilt();
    if (!built) return { usable: false, detail: 'the native addon is not built', remedy: remedy() };
    return { usable: true, detail: `libtorch ${built.version} (${built.source}) in ${built.lib}` };
  },
  async diagnose() {
    const found = findBuilt() ? undefined : await findLibrary();
    if (!found) return torch.probe();
    return { usable: false, detail: `libtorch ${found.version} (${found.source}) is here, its addon is not built`, remedy: buildCommand() };
  },
  async init({ threads, device }) {
    const { binding, built } = loadBinding(threads);
    if (device !== 'cpu' && !/^cuda:\d+$/.test(device))
      throw new RampartError(`[engine torch] device "${device}" is neither cpu nor cuda:N`);
    binding.start(threads, device);
    const library = binding.describe();
    const { start } = await import('./start.ts');
    await start(binding, device);
    const blas = loadedBlas(library.config);
    return {
      name: 'torch',
      version: versionOf(library, built),
      device,
      threads: library.threads,
      details: detailsOf(library, built, blas.name),
      warnings: warningsOf(library, blas),
    };
  },
  async devices() {
    const built = findBuilt();
    if (!built) return [];
    // the driver's own list: loading the library here would settle its number of threads
    const gpus = built.cuda && existsSync(DRIVER) ? readdirSync(DRIVER).length : 0;
    return gpus > 0 ? Array.from({ length: gpus }, (_, i) => `cuda:${i}`) : ['cpu'];
  },
};
