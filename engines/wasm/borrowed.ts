/** Kernels that the wasm backend lacks and that are rare and small: run by the plain JavaScript backend on copies of the values. */
import { tf } from '../../tensor/tf.ts';
import type { KernelArgs, WasmBackend } from './memory.ts';

/** What is used of `@tensorflow/tfjs-backend-cpu`'s backend. */
interface PlainBackend {
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: unknown): tf.TensorInfo;
  readSync(dataId: object): tf.TypedArray;
  disposeIntermediateTensorInfo(info: tf.TensorInfo): void;
}

/** Complex numbers do not exist here, and drawing needs a canvas. */
const LEFT_OUT = new Set(['Complex', 'ComplexAbs', 'Draw', 'FFT', 'IFFT', 'Imag', 'Real']);

function toPlain(plain: PlainBackend, b: WasmBackend, t: tf.TensorInfo): tf.TensorInfo {
  return plain.makeTensorInfo([...t.shape], t.dtype, b.readSync(t.dataId));
}

function borrow(kernel: tf.KernelFunc): (args: KernelArgs) => tf.TensorInfo | tf.TensorInfo[] {
  return ({ inputs, attrs, backend: b }) => {
    const plain = tf.findBackend('cpu') as unknown as PlainBackend;
    const copies: tf.TensorInfo[] = [];
    const copy = (t: tf.TensorInfo) => {
      const made = toPlain(plain, b, t);
      copies.push(made);
      return made;
    };
    // lists of tensors come as arrays
    const copied = Object.entries(inputs).map(([name, t]) => [name, Array.isArray(t) ? t.map(copy) : copy(t)] as const);
    const args = { inputs: Array.isArray(inputs) ? copied.map(([, t]) => t) : Object.fromEntries(copied), attrs, backend: plain };
    const result = kernel(args as unknown as Parameters<tf.KernelFunc>[0]);
    const back = (t: tf.TensorInfo) => b.makeOutput([...t.shape], t.dtype, undefined, plain.readSync(t.dataId));
    const outputs = Array.isArray(result) ? result : [result];
    const made = outputs.map(back);
    for (const t of [...copies, ...outputs]) plain.disposeIntermediateTensorInfo(t);
    return Array.isArray(result) ? made : (made[0] as tf.TensorInfo);
  };
}

/** Every kernel of the plain backend that `wasm` has not. */
export function borrowedKernels(): Record<string, (args: KernelArgs) => tf.TensorInfo | tf.TensorInfo[]> {
  const missing = tf.getKernelsForBackend('cpu').filter((k) => !tf.getKernel(k.kernelName, 'wasm') && !LEFT_OUT.has(k.kernelName));
  return Object.fromEntries(missing.map((k) => [k.kernelName, borrow(k.kernelFunc)]));
}
