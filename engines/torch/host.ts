/** Kernels that have no tensor arithmetic worth a native one (strings, ragged and sparse bookkeeping, box suppression): the cpu backend's own, on copies. */
import { tf } from '../../tensor/tf.ts';
import { BACKEND, type TorchBackend } from './backend.ts';

/** Runs the cpu backend's kernel `name` on copies of the inputs and takes the results over. */
export function onHost(
  name: string,
  inputs: tf.NamedTensorInfoMap,
  attrs: tf.NamedAttrMap | undefined,
  torch: TorchBackend,
): tf.TensorInfo | tf.TensorInfo[] {
  const cpu = tf.findBackend('cpu') as tf.KernelBackend | null;
  const found = tf.getKernel(name, 'cpu');
  if (!cpu || !found) throw new Error(`[torch] ${name} runs on the cpu backend, which is not there`);
  const lent: tf.DataId[] = [];
  const lend = (info: tf.TensorInfo): tf.TensorInfo => {
    const dataId = cpu.write(torch.readSync(info.dataId), info.shape, info.dtype);
    lent.push(dataId);
    // some kernels ask for the rank, as of a whole tensor
    return { dataId, shape: info.shape, dtype: info.dtype, rank: info.shape.length } as tf.TensorInfo;
  };
  const lendAll = (value: unknown): unknown => {
    if (value === undefined || value === null) return value;
    return Array.isArray(value) ? value.map(lendAll) : lend(value as tf.TensorInfo);
  };
  const host = Array.isArray(inputs)
    ? lendAll(inputs)
    : Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, lendAll(value)]));
  try {
    const out = found.kernelFunc({ inputs: host as tf.NamedTensorInfoMap, attrs, backend: cpu });
    const take = (info: tf.TensorInfo): tf.TensorInfo => {
      const dataId = torch.write(cpu.readSync(info.dataId), info.shape, info.dtype);
      cpu.disposeData(info.dataId);
      return { dataId, shape: info.shape, dtype: info.dtype };
    };
    return Array.isArray(out) ? out.map(take) : take(out);
  } finally {
    for (const dataId of lent) cpu.disposeData(dataId, true);
  }
}

/** Registers a kernel of the cpu backend for this engine. */
export function hostKernel(name: string): tf.KernelConfig {
  return {
    kernelName: name,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs, backend }) => onHost(name, inputs as tf.NamedTensorInfoMap, attrs, backend as TorchBackend),
  };
}
