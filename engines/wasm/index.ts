/** The embedded engine: TensorFlow.js's wasm backend on one thread, with the kernels that training needs and it lacks. */
import { tf } from '../../tensor/tf.ts';
import type { Engine } from '../engine.ts';
import { borrowedKernels } from './borrowed.ts';
import { conv2D, conv2DBackpropFilter, conv2DBackpropInput, fusedConv2D } from './convolution.ts';
import { exactKernels } from './exact.ts';
import { fusedKernels } from './fused.ts';
import { BUILD_COMMAND, backend, type KernelArgs, kernelsBuilt, loadKernels } from './memory.ts';
import { movementKernels } from './movement.ts';
import { spreadKernels } from './spread.ts';

/** A kernel of ours; undefined hands the call on to the one before it. */
type Ours = (args: KernelArgs) => tf.TensorInfo | tf.TensorInfo[] | undefined;

function register(kernelName: string, ours: Ours): void {
  const own = tf.getKernel(kernelName, 'wasm');
  const kernelFunc = (args: unknown) => ours(args as KernelArgs) ?? own?.kernelFunc(args as Parameters<tf.KernelFunc>[0]);
  if (own) tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({ ...own, kernelName, backendName: 'wasm', kernelFunc: kernelFunc as tf.KernelFunc });
}

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
      const ours: Record<string, Ours> = {
        Conv2D: conv2D,
        FusedConv2D: fusedConv2D,
        Conv2DBackpropFilter: conv2DBackpropFilter,
        Conv2DBackpropInput: conv2DBackpropInput,
        ...exactKernels,
        ...fusedKernels,
        ...movementKernels,
      };
      // each hands on to what was registered before it
      for (const kernels of [borrowedKernels(), ours, spreadKernels])
        for (const [name, kernel] of Object.entries(kernels)) register(name, kernel);
      started = true;
    }
    return { name: 'wasm', version: version_wasm, device, threads: 1, details: { SIMD: 'yes' }, warnings: [] };
  },
  async devices() {
    return ['cpu'];
  },
};
