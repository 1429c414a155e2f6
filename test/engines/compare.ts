/** The same computation on an engine and on the plain `cpu` backend, whose results are the reference. */
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

/** Normal numbers that depend on the shape alone, with some exact zeros. */
export function drawn(shape: number[], label = ''): tf.Tensor {
  const rng = new Rng(`${label}${shape.join()}`);
  const values = rng.normal(shape.reduce((a, b) => a * b, 1));
  return tf.tensor(
    values.map((v) => (rng.next() < 0.05 ? 0 : v)),
    shape,
  );
}

/** The largest absolute difference between the backends, relative to the largest value, for every tensor that `compute` returns. */
export async function differences(compute: () => tf.Tensor[], engine = 'wasm'): Promise<number[]> {
  const results: { shape: number[]; dtype: string; values: Float32Array }[][] = [];
  for (const name of [engine, 'cpu']) {
    await tf.setBackend(name);
    const tensors = tf.tidy(compute);
    results.push(tensors.map((t) => ({ shape: t.shape, dtype: t.dtype, values: Float32Array.from(t.dataSync()) })));
    tf.dispose(tensors);
  }
  const [got, want] = results as [(typeof results)[0], (typeof results)[0]];
  return want.map(({ shape, dtype, values }, i) => {
    const other = got[i] as (typeof want)[0];
    if (other.shape.join() !== shape.join() || other.dtype !== dtype)
      throw new Error(`${engine} returns ${other.dtype} [${other.shape}], cpu ${dtype} [${shape}]`);
    let [largest, apart] = [0, 0];
    values.forEach((v, j) => {
      largest = Math.max(largest, Math.abs(v));
      apart = Math.max(apart, Math.abs(v - (other.values[j] as number)));
      if (Number.isNaN(v) !== Number.isNaN(other.values[j])) apart = Number.POSITIVE_INFINITY;
    });
    return apart / Math.max(largest, 1e-30);
  });
}

/** Runs a kernel by name. */
export function runKernel(name: string, inputs: Record<string, tf.Tensor>, attrs: Record<string, unknown> = {}): tf.Tensor[] {
  const out = tf.engine().runKernel(name, inputs, attrs as unknown as tf.NamedAttrMap) as unknown as tf.Tensor | tf.Tensor[];
  return Array.isArray(out) ? out : [out];
}
