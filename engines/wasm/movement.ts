/** Kernels that the wasm backend has and does slowly: reversing, tiling, gathering, selecting, extremes, casts to bool, and the copy that need not be. */
import { tf } from '../../tensor/tf.ts';
import type { Kernel } from './kernel.ts';
import { native, output, pointerOf, product, scratch, scratchInts } from './memory.ts';

const bytesOf = (t: tf.TensorInfo): number => tf.util.bytesPerElement(t.dtype as 'float32');

/** Another handle on the same values: tensors are never written after they are made. */
const identity: Kernel = ({ inputs, backend: b }) => {
  const { x } = inputs as { x: tf.TensorInfo };
  b.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
};

/** To bool, what is not zero is true; the backend's own kernel keeps the lowest byte of the whole part. */
const cast: Kernel = ({ inputs, attrs, backend: b }) => {
  const { x } = inputs as { x: tf.TensorInfo };
  if (attrs.dtype !== 'bool' || (x.dtype !== 'float32' && x.dtype !== 'int32')) return undefined;
  const out = output(b, x.shape, 'bool');
  const n = product(x.shape);
  const [memory, from] = [b.wasm.HEAPU8.buffer, pointerOf(b, x)];
  const values = x.dtype === 'int32' ? new Int32Array(memory, from, n) : new Float32Array(memory, from, n);
  const flags = new Uint8Array(memory, out.at, n);
  for (let i = 0; i < n; i++) flags[i] = values[i] === 0 ? 0 : 1;
  return out.info;
};

const reverse: Kernel = ({ inputs, attrs, backend: b }) => {
  const { x } = inputs as { x: tf.TensorInfo };
  const axes = tf.util.parseAxisParam(attrs.dims as number[], x.shape);
  if (axes.length !== 1) return undefined;
  const axis = axes[0] as number;
  const out = output(b, x.shape, x.dtype);
  const block = product(x.shape.slice(axis + 1)) * bytesOf(x);
  native().reverse(pointerOf(b, x), product(x.shape.slice(0, axis)), x.shape[axis] as number, block, out.at);
  return out.info;
};

/** One axis at a time, the innermost first, so that what is repeated lies side by side. */
const tile: Kernel = ({ inputs, attrs, backend: b }) => {
  const { x } = inputs as { x: tf.TensorInfo };
  const reps = attrs.reps as number[];
  if (product(reps) === 0) return undefined;
  const axes = reps.map((_, i) => i).filter((i) => reps[i] !== 1);
  if (axes.length === 0) return undefined;
  const shape = [...x.shape];
  const out = output(
    b,
    shape.map((s, i) => s * (reps[i] as number)),
    x.dtype,
  );
  let from = pointerOf(b, x);
  for (const [step, axis] of axes.reverse().entries()) {
    const times = reps[axis] as number;
    const block = product(shape.slice(axis)) * bytesOf(x);
    const outer = product(shape.slice(0, axis));
    const to = step === axes.length - 1 ? out.at : scratch(b, `tile ${step % 2}`, outer * block * times);
    native().repeat(from, outer, block, times, to);
    shape[axis] = (shape[axis] as number) * times;
    from = to;
  }
  return out.info;
};

const gather: Kernel = ({ inputs, attrs, backend: b }) => {
  const { x, indices } = inputs as { x: tf.TensorInfo; indices: tf.TensorInfo };
  if (attrs.batchDims !== 0 || indices.dtype !== 'int32') return undefined;
  const axis = tf.util.parseAxisParam(attrs.axis as number, x.shape)[0] as number;
  const size = x.shape[axis] as number;
  const wanted = b.readSync(indices.dataId) as Int32Array;
  for (const index of wanted)
    tf.util.assert(index >= 0 && index < size, () => `GatherV2: the index value ${index} is not in [0, ${size - 1}]`);
  const out = output(b, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], x.dtype);
  const block = product(x.shape.slice(axis + 1)) * bytesOf(x);
  const outer = product(x.shape.slice(0, axis));
  if (wanted.length > 0)
    native().gather(pointerOf(b, x), outer, size * block, scratchInts(b, 'order', wanted), wanted.length, block, out.at);
  return out.info;
};

const select: Kernel = ({ inputs, backend: b }) => {
  const { condition, t, e } = inputs as Record<'condition' | 't' | 'e', tf.TensorInfo>;
  if (bytesOf(t) !== 4 || condition.dtype !== 'bool') return undefined;
  if (!tf.util.arraysEqual(condition.shape, t.shape) || !tf.util.arraysEqual(e.shape, t.shape)) return undefined;
  const out = output(b, t.shape, t.dtype);
  native().select(pointerOf(b, condition), pointerOf(b, t), pointerOf(b, e), product(t.shape), out.at);
  return out.info;
};

function extreme(which: 'maximum' | 'minimum'): Kernel {
  return ({ inputs, backend: b }) => {
    const [x, y] = [inputs.a as tf.TensorInfo, inputs.b as tf.TensorInfo];
    if (x.dtype !== 'float32' || y.dtype !== 'float32' || product(y.shape) === 0) return undefined;
    const scalar = y.shape.length === 0;
    if (!scalar && !tf.util.arraysEqual(x.shape, y.shape)) return undefined;
    const out = output(b, x.shape);
    native()[which](pointerOf(b, x), pointerOf(b, y), product(x.shape), scalar, out.at);
    return out.info;
  };
}

export const movementKernels: Record<string, Kernel> = {
  Identity: identity,
  Cast: cast,
  Reverse: reverse,
  Tile: tile,
  GatherV2: gather,
  Select: select,
  Maximum: extreme('maximum'),
  Minimum: extreme('minimum'),
};
