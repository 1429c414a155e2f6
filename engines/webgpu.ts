/** Any GPU with Vulkan, Metal or D3D12, through the optional packages `webgpu` (Dawn) and `@tensorflow/tfjs-backend-webgpu`. */
import { pathToFileURL } from 'node:url';
import { RampartError } from '../errors.ts';
import { tf } from '../tensor/tf.ts';
import type { Availability, Engine } from './engine.ts';
import { findPackage, requirePackage } from './optional.ts';

const PACKAGES = ['webgpu', '@tensorflow/tfjs-backend-webgpu'] as const;
const INSTALL = 'npm install --no-save webgpu @tensorflow/tfjs-backend-webgpu@4.22.0';

interface Dawn {
  create(flags: string[]): { requestAdapter(options: object): Promise<{ info?: { description?: string } } | null> };
  globals: Record<string, unknown>;
}

export const webgpu: Engine = {
  name: 'webgpu',
  title: 'WebGPU through Dawn',
  rank: 20,
  async probe(): Promise<Availability> {
    const missing = PACKAGES.filter((name) => findPackage(name) === undefined);
    if (missing.length > 0) return { usable: false, detail: `${missing.join(' and ')} not installed`, remedy: INSTALL };
    return { usable: true, detail: 'both packages are installed; whether a GPU answers shows when it starts' };
  },
  async init({ threads, device }) {
    const dawn = (await import(pathToFileURL(findPackage('webgpu') ?? 'webgpu').href)) as Dawn;
    Object.assign(globalThis, dawn.globals);
    const gpu = dawn.create([]);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter)
      throw new RampartError('[engine webgpu] no GPU answers', { remedy: 'install a Vulkan driver, such as mesa-vulkan-drivers' });
    // TensorFlow.js looks for it where browsers have it
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true, writable: true });
    requirePackage('@tensorflow/tfjs-backend-webgpu');
    if (!(await tf.setBackend('webgpu'))) throw new RampartError('[engine webgpu] the GPU did not start');
    const details = { adapter: adapter.info?.description ?? 'unknown' };
    return { name: 'webgpu', version: tf.version_core, device, threads, details, warnings: [] };
  },
  async devices() {
    return ['gpu:0'];
  },
};
