/** Where tensors live: pointers into the memory of TensorFlow.js's wasm backend, scratch space in it, and our kernels on it. */
import { RampartError } from '../../errors.ts';
import { tf } from '../../tensor/tf.ts';
import { kernelsBinary } from './binary.ts';

/** TypeScript describes it with the browser's types, which this project leaves out. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: Record<string, Record<string, unknown>>): Promise<{ instance: { exports: unknown } }>;
};

/** An address in the backend's memory, in bytes. */
export type Pointer = number;

/** What is used of `@tensorflow/tfjs-backend-wasm`'s backend. */
export interface WasmBackend {
  readonly wasm: {
    readonly asm: { readonly memory: object };
    readonly HEAPU8: Uint8Array;
    _malloc(bytes: number): number;
    _free(at: number): void;
  };
  readonly dataIdMap: { get(dataId: object): { memoryOffset: number; shape: number[]; dtype: tf.DataType } };
  makeOutput(shape: number[], dtype: string, at?: Pointer, values?: tf.TypedArray): tf.TensorInfo;
  readSync(dataId: object, start?: number, end?: number): tf.TypedArray;
  incRef(dataId: object): void;
  disposeData(dataId: object): boolean;
}

/** The functions of `assembly/`, whose arguments they describe. */
export interface Kernels {
  clear(at: Pointer, bytes: number): void;
  copyRows(from: Pointer, to: Pointer, rows: number, rowBytes: number, toStride: number): void;
  packFilter(filter: Pointer, order: Pointer, k: number, co: number, coStride: number, to: Pointer): void;
  convolve(...args: (number | boolean)[]): void;
  filterGrad(...args: number[]): void;
  winogradFilter(...args: number[]): void;
  winograd(...args: (number | boolean)[]): void;
  moments(x: Pointer, m: number, c: number, totals: Pointer, mean: Pointer, variance: Pointer): void;
  affine(x: Pointer, m: number, c: number, scale: Pointer, shift: Pointer, relu: boolean, out: Pointer): void;
  gradSums(x: Pointer, dy: Pointer, m: number, c: number, mean: Pointer, totals: Pointer): void;
  gradInput(...args: number[]): void;
  reluGrad(dy: Pointer, y: Pointer, n: number, out: Pointer): void;
  sgdMomentum(...args: number[]): void;
  signStep(...args: number[]): void;
  clip(x: Pointer, n: number, low: number, high: number, out: Pointer): void;
  sign(x: Pointer, n: number, out: Pointer): void;
  sum(x: Pointer, outer: number, middle: number, inner: number, scale: number, totals: Pointer, out: Pointer): void;
  maxPoolGrad(...args: number[]): void;
  maximum(a: Pointer, b: Pointer, n: number, scalar: boolean, out: Pointer): void;
  minimum(a: Pointer, b: Pointer, n: number, scalar: boolean, out: Pointer): void;
  select(condition: Pointer, a: Pointer, b: Pointer, n: number, out: Pointer): void;
  gather(...args: number[]): void;
  reverse(from: Pointer, outer: number, count: number, blockBytes: number, to: Pointer): void;
  repeat(from: Pointer, outer: number, blockBytes: number, times: number, to: Pointer): void;
}

/** What TensorFlow.js calls a kernel with. */
export interface KernelArgs {
  readonly inputs: Record<string, tf.TensorInfo>;
  readonly attrs: Record<string, unknown>;
  readonly backend: WasmBackend;
}

/** The current backend; the kernels below are registered for `wasm` alone. */
export const backend = (): WasmBackend => tf.backend() as unknown as WasmBackend;

export function pointerOf(b: WasmBackend, t: tf.TensorInfo): Pointer {
  return b.dataIdMap.get(t.dataId).memoryOffset;
}

/** Numbers in a tensor. */
export function sizeOf(t: tf.TensorInfo): number {
  return product(t.shape);
}

export function product(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a * b, 1);
}

/** A new tensor and its address; the values are whatever was there. */
export function output(b: WasmBackend, shape: readonly number[], dtype: tf.DataType = 'float32'): { info: tf.TensorInfo; at: Pointer } {
  const info = b.makeOutput([...shape], dtype);
  return { info, at: pointerOf(b, info) };
}

/** `n` floats of the backend's memory; stale after the next allocation, which may move the memory. */
export function floats(b: WasmBackend, at: Pointer, n: number): Float32Array {
  return new Float32Array(b.wasm.HEAPU8.buffer, at, n);
}

/** Space that a kernel needs while it runs; one block for each name, kept and grown, so that a step allocates nothing. */
const blocks = new Map<string, { at: Pointer; bytes: number }>();

export function scratch(b: WasmBackend, name: string, bytes: number): Pointer {
  const held = blocks.get(name);
  if (held && held.bytes >= bytes) return held.at;
  if (held) b.wasm._free(held.at);
  const at = b.wasm._malloc(bytes);
  blocks.set(name, { at, bytes });
  return at;
}

/** Writes 32-bit integers to scratch space. */
export function scratchInts(b: WasmBackend, name: string, values: ArrayLike<number>): Pointer {
  const at = scratch(b, name, 4 * values.length);
  new Int32Array(b.wasm.HEAPU8.buffer, at, values.length).set(values);
  return at;
}

let kernels: Kernels | undefined;

/** The compiled kernels. `loadKernels` must have run. */
export function native(): Kernels {
  if (!kernels) throw new RampartError('[engine wasm] its kernels are not loaded', { remedy: 'initialise the engine first' });
  return kernels;
}

/** Allocation that fails: the backend takes address 0, or one past the end, for a tensor's and writes there. */
function guardAllocation({ wasm }: WasmBackend): void {
  wasm._free(wasm._malloc(1)); // the first call puts the real function in its place
  const allocate = wasm._malloc;
  wasm._malloc = (bytes) => {
    const at = allocate(bytes) >>> 0;
    if (bytes > 0 && (at === 0 || at + bytes > wasm.HEAPU8.length)) {
      const [wanted, held] = [bytes, wasm.HEAPU8.length].map((n) => `${Math.ceil(n / 2 ** 20)} MB`);
      throw new RampartError(`[engine wasm] out of memory: no room for ${wanted} in ${held}, of which WebAssembly has 4 GB at most`, {
        remedy: 'take a smaller batch, or --engine torch',
      });
    }
    return at;
  };
}

/** Links `kernels.wasm` to the backend's memory. */
export async function loadKernels(b: WasmBackend): Promise<void> {
  const { instance } = await WebAssembly.instantiate(kernelsBinary(), { env: { memory: b.wasm.asm.memory } });
  kernels = instance.exports as unknown as Kernels;
  guardAllocation(b);
}
