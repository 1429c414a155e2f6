/** How kernels of this engine are registered: the newest is asked first, and hands on to the one before it. */
import { tf } from '../../tensor/tf.ts';
import type { KernelArgs } from './memory.ts';

/** Returns undefined where the kernel that was registered before it must do the work. */
export type Kernel = (args: KernelArgs) => tf.TensorInfo | tf.TensorInfo[] | undefined;

/** Puts `ours` before what is registered under that name, if anything is. */
export function register(kernelName: string, ours: Kernel): void {
  const own = tf.getKernel(kernelName, 'wasm');
  const kernelFunc = (args: unknown) => ours(args as KernelArgs) ?? own?.kernelFunc(args as Parameters<tf.KernelFunc>[0]);
  if (own) tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({ ...own, kernelName, backendName: 'wasm', kernelFunc: kernelFunc as tf.KernelFunc });
}

/** Runs a kernel that makes one tensor, which the caller owns. */
export function call(
  kernelName: string,
  inputs: KernelArgs['inputs'],
  attrs: KernelArgs['attrs'],
  backend: KernelArgs['backend'],
): tf.TensorInfo {
  const { kernelFunc } = tf.getKernel(kernelName, 'wasm') as tf.KernelConfig;
  return kernelFunc({ inputs, attrs: attrs as tf.NamedAttrMap, backend }) as tf.TensorInfo;
}
