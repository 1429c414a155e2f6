/** The embedded engine: TensorFlow.js's wasm backend on one thread, with the kernels that training needs and it lacks. */
import type { Engine } from '../engine.ts';
import { BUILD_COMMAND, kernelsBuilt } from './binary.ts';

export const wasm: Engine = {
  name: 'wasm',
  title: 'WebAssembly with SIMD, embedded',
  rank: 10,
  async probe() {
    if (kernelsBuilt()) return { usable: true, detail: 'always there' };
    return { usable: false, detail: 'its kernels are not compiled', remedy: BUILD_COMMAND };
  },
  async init({ device }) {
    const { start } = await import('./start.ts');
    const version = await start();
    return { name: 'wasm', version, device, threads: 1, details: { SIMD: 'yes' }, warnings: [] };
  },
  async devices() {
    return ['cpu'];
  },
};
