/** The torch engine: TensorFlow.js on libtorch, on the CPU through oneDNN and on NVIDIA GPUs through cuDNN. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RampartError } from '../../errors.ts';
import type { Precision } from '../../tensor/precision.ts';
import type { Engine } from '../engine.ts';
import type { Library } from './binding.ts';
import { type Built, buildCommand, checkRelease, findBuilt, findLibrary, loadBinding, remedy } from './load.ts';
import { loadedBlas, surroundings, warningsOf } from './slow.ts';

/** The release that the build found; its headers, which the library repeats, may name the one before. */
function versionOf(library: Library, built: Built): string {
  return built.version === 'unknown' ? library.version : built.version;
}

/** What there is of CUDA, as far as it is known without loading it. */
function cudaOf(library: Library, built: Built, device: string): string {
  if (!built.cuda) return 'this libtorch is built without it';
  if (device === 'cpu') return 'not loaded: this process is on the CPU';
  if (!library.streams) return `${library.cudaDevices} devices; without streams and graphs, which this build could not compile`;
  return `${library.cudaDevices} devices${library.formulas ? '' : '; steps of attacks are launched operation by operation'}`;
}

function detailsOf(library: Library, built: Built, device: string, blas: string): Record<string, string> {
  return {
    libtorch: `${versionOf(library, built)} (${built.source})`,
    path: built.lib,
    'CPU capability': library.config.match(/CPU capability usage: (\S+)/)?.[1] ?? 'unknown',
    oneDNN: library.config.match(/MKL-DNN v(\S+)/)?.[1] ?? (library.onednn ? 'yes' : 'no'),
    BLAS: blas,
    CUDA: cudaOf(library, built, device),
  };
}

function precisionsOn(device: string): readonly Precision[] {
  return device === 'cpu' ? ['fp32', 'bf16'] : ['fp32', 'tf32', 'bf16'];
}

/** One folder for each NVIDIA GPU that the driver runs. */
const DRIVER = '/proc/driver/nvidia/gpus';

/** What the GPUs of this machine are; undefined where they are of several kinds, or nothing says. `folder`: the driver's. */
export function gpuName(folder = DRIVER): string | undefined {
  try {
    const models = readdirSync(folder).map((gpu) =>
      /^Model:\s*(.+)$/m.exec(readFileSync(join(folder, gpu, 'information'), 'utf8'))?.[1]?.trim(),
    );
    return new Set(models).size === 1 ? models[0] : undefined;
  } catch {
    return undefined;
  }
}

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
    const [built, found] = [findBuilt(), await findLibrary()];
    if (!found || found.version === built?.version) return torch.probe();
    const here = `libtorch ${found.version} (${found.source}) is here`;
    if (!built) return { usable: false, detail: `${here}, its addon is not built`, remedy: buildCommand() };
    const { detail } = await torch.probe();
    return { usable: true, detail: `${detail}; ${here} too, which a new build takes: ${buildCommand()}` };
  },
  precisions: precisionsOn,
  async init({ threads, device, precision = 'fp32', beside = 0 }) {
    const { binding, built } = loadBinding(threads, beside);
    if (device !== 'cpu' && !/^cuda:\d+$/.test(device))
      throw new RampartError(`[engine torch] device "${device}" is neither cpu nor cuda:N`);
    binding.start(threads, device, precision === 'tf32');
    const library = binding.describe();
    checkRelease(library, built);
    const { start } = await import('./start.ts');
    await start(binding, device, library.formulas);
    const around = surroundings();
    return {
      name: 'torch',
      version: versionOf(library, built),
      device,
      threads: library.threads,
      precision,
      ...(device !== 'cpu' && { deviceName: gpuName() }),
      details: {
        ...detailsOf(library, built, device, loadedBlas(library, around).name),
        precision: `${precision} of ${precisionsOn(device).join(', ')}`,
      },
      warnings: warningsOf(library, around),
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
