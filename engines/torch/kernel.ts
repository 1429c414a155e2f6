/** How a kernel of the torch engine is written: a function from slots and attributes to what the addon made. */
import type { tf } from '../../tensor/tf.ts';
import { BACKEND, type TorchBackend } from './backend.ts';
import type { Ops } from './binding.ts';
import { onHost } from './host.ts';
import type { Output, Slot } from './slot.ts';

export interface Call<A> {
  readonly ops: Ops;
  readonly attrs: A;
  /** Inputs by name, for shapes and dtypes. */
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  /** The slot of an input. */
  slot(name: string): Slot;
  /** The slot of an input that may be absent. */
  optional(name: string): Slot | null;
  /** All inputs in order, of a kernel that takes a list. */
  slots(): Slot[];
  shape(name: string): number[];
  /** Gives back a slot that the kernel made on its way. */
  release(slot: Slot): void;
}

function listed(inputs: tf.NamedTensorInfoMap): tf.TensorInfo[] {
  return Object.values(inputs).filter((i): i is tf.TensorInfo => i !== undefined && i !== null);
}

/** Strings take the kernel of the cpu backend. */
export function kernel<A = Record<string, never>>(name: string, run: (call: Call<A>) => Output | Output[]): tf.KernelConfig {
  return {
    kernelName: name,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const torch = backend as TorchBackend;
      const all = listed(inputs as tf.NamedTensorInfoMap);
      if (all.some((i) => i.dtype === 'string')) return onHost(name, inputs as tf.NamedTensorInfoMap, attrs, torch);
      const find = (key: string) => (inputs as Record<string, tf.TensorInfo>)[key];
      const made = run({
        ops: torch.ops,
        attrs: attrs as A,
        inputs: inputs as Record<string, tf.TensorInfo>,
        slot: (key) => torch.slot(find(key) as tf.TensorInfo),
        optional: (key) => {
          const info = find(key);
          return info === undefined || info === null ? null : torch.slot(info);
        },
        slots: () => all.map((i) => torch.slot(i)),
        shape: (key) => (find(key) as tf.TensorInfo).shape,
        release: (slot) => torch.release(slot),
      });
      return Array.isArray(made) ? made.map((m) => torch.adopt(m)) : torch.adopt(made);
    },
  };
}
