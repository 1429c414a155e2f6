/** What the wasm backend has no kernel or no memory for, all of it rare and small: run by the plain JavaScript backend on copies of the values. */
import { tf } from '../../tensor/tf.ts';
import type { Kernel } from './kernel.ts';
import type { KernelArgs, WasmBackend } from './memory.ts';

/** What is used of `@tensorflow/tfjs-backend-cpu`'s backend. */
interface PlainBackend {
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: unknown): tf.TensorInfo;
  readSync(dataId: object): tf.TypedArray;
  disposeIntermediateTensorInfo(info: tf.TensorInfo): void;
}

/** Drawing needs a canvas. */
const LEFT_OUT = 'Draw';

/** They look at no value: another handle on the same memory, whatever lies there. */
const UNTOUCHED = ['Identity', 'Reshape'];

type Inputs = tf.TensorInfo | undefined | null | readonly Inputs[];

/** Values with the interface of a tensor; some kernels ask for the rank. */
function lend(plain: PlainBackend, { shape, dtype }: tf.TensorInfo, values: tf.TypedArray): tf.TensorInfo {
  const rank = { rank: shape.length };
  if (dtype !== 'complex64') return { ...plain.makeTensorInfo([...shape], dtype, values), ...rank };
  const parts = tf.backend_util.splitRealAndImagArrays(values as Float32Array);
  const real = plain.makeTensorInfo([...shape], 'float32', parts.real);
  const imag = plain.makeTensorInfo([...shape], 'float32', parts.imag);
  const { kernelFunc } = tf.getKernel('Complex', 'cpu') as tf.KernelConfig;
  const made = kernelFunc({ inputs: { real, imag }, backend: plain }) as tf.TensorInfo;
  for (const part of [real, imag]) plain.disposeIntermediateTensorInfo(part);
  return { ...made, ...rank };
}

/** Runs the plain backend's `kernel` on copies of the inputs and takes the results over. */
function onPlain(kernel: tf.KernelFunc, { inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo | tf.TensorInfo[] {
  const plain = tf.findBackend('cpu') as unknown as PlainBackend;
  const held: tf.TensorInfo[] = [];
  const copy = (t: Inputs): Inputs => {
    if (t === undefined || t === null) return t;
    if (Array.isArray(t)) return t.map(copy);
    const made = lend(plain, t as tf.TensorInfo, b.readSync((t as tf.TensorInfo).dataId));
    held.push(made);
    return made;
  };
  // lists of tensors come as arrays, or as entries that are arrays
  const copies = Array.isArray(inputs) ? copy(inputs) : Object.fromEntries(Object.entries(inputs).map(([name, t]) => [name, copy(t)]));
  try {
    const result = kernel({ inputs: copies, attrs, backend: plain } as unknown as Parameters<tf.KernelFunc>[0]);
    const outputs = Array.isArray(result) ? result : [result];
    held.push(...outputs);
    const made = outputs.map((t) => b.makeOutput([...t.shape], t.dtype, undefined, plain.readSync(t.dataId)));
    return Array.isArray(result) ? made : (made[0] as tf.TensorInfo);
  } finally {
    // a kernel of the plain backend may return a whole tensor, which TensorFlow.js counts
    for (const t of held) t instanceof tf.Tensor ? t.dispose() : plain.disposeIntermediateTensorInfo(t);
  }
}

/** The plain backend's kernel of that name, where there is one. */
export function borrow(kernelName: string): ((args: KernelArgs) => tf.TensorInfo | tf.TensorInfo[]) | undefined {
  const found = tf.getKernel(kernelName, 'cpu');
  return found && ((args) => onPlain(found.kernelFunc, args));
}

/** Every kernel of the plain backend that `wasm` has not. */
export function borrowedKernels(): Record<string, Kernel> {
  const missing = tf.getKernelsForBackend('cpu').filter((k) => !tf.getKernel(k.kernelName, 'wasm') && k.kernelName !== LEFT_OUT);
  return Object.fromEntries(missing.map((k) => [k.kernelName, (args) => onPlain(k.kernelFunc, args)]));
}

/** Strings have no place in the memory of the wasm backend, and complex numbers no kernels. */
const foreign = (dtype: unknown): boolean => dtype === 'string' || dtype === 'complex64';

/** For every kernel registered so far: the plain backend's, where strings or complex numbers come or are asked for. */
export function foreignKernels(): Record<string, Kernel> {
  const guarded: Record<string, Kernel> = {};
  for (const { kernelName } of tf.getKernelsForBackend('wasm')) {
    const borrowed = borrow(kernelName);
    if (!borrowed || UNTOUCHED.includes(kernelName)) continue;
    guarded[kernelName] = (args) => {
      if (args.attrs && foreign(args.attrs.dtype)) return borrowed(args);
      for (const name in args.inputs) if (foreign(args.inputs[name]?.dtype)) return borrowed(args);
      return undefined;
    };
  }
  return guarded;
}

/** Complex numbers lie in memory as pairs; the backend's own `readSync` does not know them. */
export function readComplex(b: WasmBackend): void {
  const own = b.readSync.bind(b);
  b.readSync = (dataId, start, end) => {
    const { dtype, shape, memoryOffset } = b.dataIdMap.get(dataId);
    if (dtype !== 'complex64') return own(dataId, start, end);
    const [from, to] = [start ?? 0, end ?? tf.util.sizeFromShape(shape)];
    return new Float32Array(b.wasm.HEAPU8.buffer.slice(memoryOffset + 8 * from, memoryOffset + 8 * to) as ArrayBuffer);
  };
}
