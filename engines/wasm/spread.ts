/** Comparisons and extremes of tensors that must be broadcast: the backend walks them index by index, so that tiling first is far faster. */
import { tf } from '../../tensor/tf.ts';
import { call, type Kernel } from './kernel.ts';
import type { KernelArgs } from './memory.ts';

const NAMES = ['Minimum', 'Maximum', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'Equal', 'NotEqual'];

/** `t` tiled to `shape`, and whether that made a tensor: where only axes of size one are missing, the values stay where they are. */
function tiled(t: tf.TensorInfo, shape: readonly number[], backend: KernelArgs['backend']): { info: tf.TensorInfo; made: boolean } {
  const padded = [...new Array<number>(shape.length - t.shape.length).fill(1), ...t.shape];
  const reps = shape.map((size, i) => size / (padded[i] as number));
  const x = { ...t, shape: padded };
  const made = reps.some((r) => r !== 1);
  return { info: made ? call('Tile', { x }, { reps }, backend) : x, made };
}

function spread(name: string): Kernel {
  return ({ inputs, attrs, backend }) => {
    const [a, b] = [inputs.a as tf.TensorInfo, inputs.b as tf.TensorInfo];
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const scalar = a.shape.length === 0 || b.shape.length === 0;
    if (scalar || shape.includes(0) || (tf.util.arraysEqual(a.shape, shape) && tf.util.arraysEqual(b.shape, shape))) return undefined;
    const [wideA, wideB] = [tiled(a, shape, backend), tiled(b, shape, backend)];
    const out = call(name, { a: wideA.info, b: wideB.info }, attrs, backend);
    for (const { info, made } of [wideA, wideB]) if (made) backend.disposeData(info.dataId);
    return out;
  };
}

export const spreadKernels: Record<string, Kernel> = Object.fromEntries(NAMES.map((name) => [name, spread(name)]));
