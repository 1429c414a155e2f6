/** Completes TensorFlow.js's wasm backend with our kernels: loaded when the engine starts, not where it is only asked whether it is there. */
import { version_wasm } from '@tensorflow/tfjs-backend-wasm';
import { tf } from '../../tensor/tf.ts';
import { borrowedKernels, foreignKernels, readComplex } from './borrowed.ts';
import { conv2D, conv2DBackpropFilter, conv2DBackpropInput, fusedConv2D } from './convolution.ts';
import { exactKernels } from './exact.ts';
import { fusedKernels } from './fused.ts';
import { type Kernel, register } from './kernel.ts';
import { limitedKernels } from './limits.ts';
import { backend, loadKernels } from './memory.ts';
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

/** Makes `wasm` the current backend; the first call of a process registers our kernels. Resolves with the backend's version. */
export async function start(): Promise<string> {
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
  return version_wasm;
}
