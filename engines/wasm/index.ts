/** The embedded engine: TensorFlow.js's wasm backend on one thread, with the kernels that training needs and it lacks. */
import { tf } from '../../tensor/tf.ts';
import type { Engine } from '../engine.ts';
import { borrowedKernels, foreignKernels, readComplex } from './borrowed.ts';
import { conv2D, conv2DBackpropFilter, conv2DBackpropInput, fusedConv2D } from './convolution.ts';
import { exactKernels } from './exact.ts';
import { fusedKernels } from './fused.ts';
import { type Kernel, register } from './kernel.ts';
import { limitedKernels } from './limits.ts';
import { BUILD_COMMAND, backend, kernelsBuilt, loadKernels } from './memory.ts';
import { movementKernels } from './movement.ts';
import { composedKernels } from './parts.ts';
import { spreadKernels } from './spread.ts';

/** Ours by speed or exactness: all that training and attacks run. */
const ours: Record<string, Kernel> = {
  Conv2D: conv2D,
  FusedConv2D: fusedConv2D,
  Conv2DBackpropFilter: conv2DBackpropFilter,
  Conv2DBackpropInput: conv2DBackpropInput,
  ...exactKernels,
  ...fusedKernels,
  ...movementKernels,
};

let started = false;

export const wasm: Engine = {
  name: 'wasm',
  title: 'WebAssembly with SIMD, embedded',
  rank: 10,
  async probe() {
    if (kernelsBuilt()) return { usable: true, detail: 'always there' };
    return { usable: false, detail: 'its kernels are not compiled', remedy: BUILD_COMMAND };
  },
  async init({ device }) {
    const { version_wasm } = await import('@tensorflow/tfjs-backend-wasm');
    await tf.setBackend('wasm');
    await tf.ready();
    if (!started) {
      await loadKernels(backend());
      readComplex(backend());
      // each hands on to what was registered before it, so that the rare calls cost the others nothing
      for (const kernels of [borrowedKernels, limitedKernels, () => composedKernels, () => ours, () => spreadKernels, foreignKernels])
        for (const [name, kernel] of Object.entries(kernels())) register(name, kernel);
      started = true;
    }
    return { name: 'wasm', version: version_wasm, device, threads: 1, details: { SIMD: 'yes' }, warnings: [] };
  },
  async devices() {
    return ['cpu'];
  },
};
