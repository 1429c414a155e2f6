/** TensorFlow's own C library, through the optional packages `@tensorflow/tfjs-node-gpu` (CUDA 11) and `@tensorflow/tfjs-node`. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import util from 'node:util';
import { RampartError } from '../../errors.ts';
import { tf } from '../../tensor/tf.ts';
import type { Availability, Engine } from '../engine.ts';
import { findPackage, requirePackage } from '../optional.ts';
import { allowPadding } from './padding.ts';

const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;
const INSTALL = 'npm install --no-save @tensorflow/tfjs-node@4.22.0';

/** The first package that is installed with its native addon, or why there is none. */
function locate(): { name: string } | { detail: string; remedy: string } {
  let broken: string | undefined;
  for (const name of PACKAGES) {
    const entry = findPackage(name);
    if (entry === undefined) continue;
    if (existsSync(join(dirname(entry), '..', 'lib'))) return { name };
    broken = name;
  }
  if (broken === undefined) return { detail: `neither ${PACKAGES.join(' nor ')} is installed`, remedy: INSTALL };
  return { detail: `${broken} is installed without its native addon`, remedy: `npm rebuild ${broken} --build-addon-from-source` };
}

/** What is read of the backend of tfjs-node. */
interface NodeBackend {
  readonly binding?: { readonly TF_Version?: string };
  readonly isUsingGpuDevice?: boolean;
}

/** Where TensorFlow runs: a GPU that it does not find is no error to it. */
export function placeOf(device: string, { isUsingGpuDevice }: NodeBackend): { device: string; warnings: string[] } {
  if (device === 'cpu' || isUsingGpuDevice !== false) return { device, warnings: [] };
  return { device: 'cpu', warnings: [`TensorFlow found no GPU for ${device} and runs on the CPU`] };
}

/** What Node 23 removed from `node:util` and these packages call. */
const REMOVED: Record<string, (value: unknown) => boolean> = {
  isNullOrUndefined: (value) => value === null || value === undefined,
  isArray: Array.isArray,
};

/** Gives `node:util` back the functions that Node 23 removed; leaves those that are there. */
export function restoreRemovedUtil(target: Record<string, unknown> = util as unknown as Record<string, unknown>): void {
  for (const [name, replacement] of Object.entries(REMOVED)) target[name] ??= replacement;
}

export const tensorflow: Engine = {
  name: 'tensorflow',
  title: 'TensorFlow through tfjs-node',
  rank: 30,
  async probe(): Promise<Availability> {
    const found = locate();
    return 'name' in found ? { usable: true, detail: found.name } : { usable: false, ...found };
  },
  async init({ threads, device }) {
    const found = locate();
    if (!('name' in found)) throw new RampartError(`[engine tensorflow] ${found.detail}`, { remedy: found.remedy });
    // read by TensorFlow's thread pools when the library loads
    process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
    process.env.TF_NUM_INTEROP_THREADS ??= '1';
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
    restoreRemovedUtil();
    const loaded = requirePackage(found.name) as { version?: Record<string, string> };
    if (!tf.engine().registryFactory.tensorflow)
      throw new RampartError(
        `[engine tensorflow] ${found.name} brought a TensorFlow.js of its own; its version must be ${tf.version_core}`,
        {
          remedy: INSTALL,
        },
      );
    if (!(await tf.setBackend('tensorflow'))) throw new RampartError(`[engine tensorflow] ${found.name} did not start`);
    allowPadding();
    const backend = tf.backend() as unknown as NodeBackend;
    return {
      name: 'tensorflow',
      version: `${loaded.version?.['tfjs-node'] ?? 'unknown'} on TensorFlow ${backend.binding?.TF_Version ?? 'unknown'}`,
      threads,
      details: { package: found.name },
      ...placeOf(device, backend),
    };
  },
  async devices() {
    const found = locate();
    return ['name' in found && found.name.endsWith('gpu') ? 'cuda:0' : 'cpu'];
  },
};
