/** The embedded engine: TensorFlow.js's wasm backend on one thread, with the kernels that training needs and it lacks. */
import { tf } from '../../tensor/tf.ts';
import type { Engine } from '../engine.ts';
import { conv2DBackpropFilter, conv2DBackpropInput } from './convolution.ts';
import { fusedKernels } from './fused.ts';
import { BUILD_COMMAND, backend, kernelsBuilt, loadKernels } from './memory.ts';

const KERNELS: Record<string, unknown> = {
  Conv2DBackpropFilter: conv2DBackpropFilter,
  Conv2DBackpropInput: conv2DBackpropInput,
  ...fusedKernels,
};

/** Ours replace the backend's own. */
function registerKernels(): void {
  for (const [kernelName, kernelFunc] of Object.entries(KERNELS)) {
    if (tf.getKernel(kernelName, 'wasm')) tf.unregisterKernel(kernelName, 'wasm');
    tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: kernelFunc as tf.KernelFunc });
  }
}

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
    await loadKernels(backend());
    registerKernels();
    return { name: 'wasm', version: version_wasm, device, threads: 1, details: {}, warnings: [] };
  },
  async devices() {
    return ['cpu'];
  },
};
