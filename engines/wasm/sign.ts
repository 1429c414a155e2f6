/** The sign of a number: the backend's own kernel returns 0 for everything below 1e-7, where gradients live. */
import type { tf } from '../../tensor/tf.ts';
import { floats, type KernelArgs, output, pointerOf } from './memory.ts';

export function sign({ inputs, backend: b }: KernelArgs): tf.TensorInfo | undefined {
  const { x } = inputs as { x: tf.TensorInfo };
  if (x.dtype !== 'float32') return undefined;
  const out = output(b, x.shape);
  const n = x.shape.reduce((a, c) => a * c, 1);
  const from = floats(b, pointerOf(b, x), n);
  const to = floats(b, out.at, n);
  for (let i = 0; i < n; i++) to[i] = Math.sign(from[i] as number);
  return out.info;
}
