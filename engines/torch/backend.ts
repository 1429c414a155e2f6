/** TensorFlow.js's view of libtorch: a backend whose data are slots of the addon. */
import { tf } from '../../tensor/tf.ts';
import type { Binding, HostArray, Ops } from './binding.ts';
import type { Output, Slot } from './slot.ts';

export const BACKEND = 'torch';

interface Stored {
  refs: number;
  readonly shape: number[];
  readonly dtype: tf.DataType;
  /** Strings stay in JavaScript, everything else is a slot. */
  readonly data: { slot: Slot } | { strings: Uint8Array[] };
  /** Called when the last reference goes. */
  readonly onDispose?: () => void;
}

function typed(values: tf.BackendValues, dtype: tf.DataType): HostArray {
  if (dtype === 'int32') return values instanceof Int32Array ? values : Int32Array.from(values as ArrayLike<number>);
  if (dtype === 'bool') return values instanceof Uint8Array ? values : Uint8Array.from(values as ArrayLike<number>);
  return values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>);
}

export class TorchBackend extends tf.KernelBackend {
  readonly ops: Ops;
  readonly #binding: Binding;
  readonly #asynchronous: boolean;
  readonly #data: tf.DataStorage<Stored>;
  /** How often data came from the device, which waits for it, and how often more than one number went there. */
  readonly traffic = { reads: 0, uploads: 0 };

  /** `asynchronous` when the device computes on its own, so that reads may wait elsewhere. */
  constructor(binding: Binding, asynchronous: boolean) {
    super();
    this.ops = binding.ops;
    this.#binding = binding;
    this.#asynchronous = asynchronous;
    this.#data = new tf.DataStorage<Stored>(this, tf.engine());
  }

  /** The slot of a tensor; strings have none. */
  slot(info: tf.TensorInfo): Slot {
    const { data } = this.#data.get(info.dataId);
    if (!('slot' in data)) throw new Error(`[torch] a string tensor [${info.shape.join(', ')}] has no place in libtorch`);
    return data.slot;
  }

  /** Takes over what an operation made; `onDispose` is called when its data are let go. */
  adopt({ slot, shape, dtype }: Output, onDispose?: () => void): tf.TensorInfo {
    const dataId = {};
    this.#data.set(dataId, { refs: 1, shape, dtype, data: { slot }, ...(onDispose && { onDispose }) });
    return { dataId, shape, dtype };
  }

  /** What an operation made, as a tensor that tidy and memory() know. */
  tensor(output: Output): tf.Tensor {
    const { dataId, shape, dtype } = this.adopt(output);
    return tf.engine().makeTensorFromDataId(dataId, shape, dtype, this);
  }

  /** Gives back a slot that was never adopted. */
  release(slot: Slot): void {
    this.#binding.release(slot);
  }

  /** The same data once more, under the same shape. */
  share(info: tf.TensorInfo): tf.TensorInfo {
    this.incRef(info.dataId);
    return { dataId: info.dataId, shape: info.shape, dtype: info.dtype };
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    const dataId = {};
    this.move(dataId, values, shape, dtype, 1);
    return dataId;
  }

  override move(dataId: tf.DataId, values: tf.BackendValues, shape: number[], dtype: tf.DataType, refs: number): void {
    if (shape.some((size) => size !== 1)) this.traffic.uploads++;
    const data =
      dtype === 'string' ? { strings: values as Uint8Array[] } : { slot: this.#binding.upload(typed(values, dtype), shape, dtype) };
    this.#data.set(dataId, { refs, shape, dtype, data });
  }

  override readSync(dataId: tf.DataId): tf.BackendValues {
    this.traffic.reads++;
    const { data } = this.#data.get(dataId);
    return 'strings' in data ? data.strings : this.#binding.read(data.slot);
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    const { data } = this.#data.get(dataId);
    if (!this.#asynchronous || !('slot' in data)) return this.readSync(dataId);
    this.traffic.reads++;
    return this.#binding.readAsync(data.slot);
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.#data.has(dataId)) return true;
    const stored = this.#data.get(dataId);
    stored.refs--;
    if (!force && stored.refs > 0) return false;
    if ('slot' in stored.data) this.#binding.release(stored.data.slot);
    this.#data.delete(dataId);
    stored.onDispose?.();
    return true;
  }

  override refCount(dataId: tf.DataId): number {
    return this.#data.has(dataId) ? this.#data.get(dataId).refs : 0;
  }

  override incRef(dataId: tf.DataId): void {
    this.#data.get(dataId).refs++;
  }

  override numDataIds(): number {
    return this.#data.numDataIds();
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override async time(run: () => void): Promise<tf.BackendTimingInfo> {
    const start = performance.now();
    run();
    return { kernelMs: performance.now() - start };
  }

  override timerAvailable(): boolean {
    return true;
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  /** Slots are released one by one as tensors are disposed; nothing else is held. */
  override dispose(): void {}
}
