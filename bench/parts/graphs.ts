/** CUDA graphs against passes that are launched one by one. */
import type { TorchBackend } from '../../engines/torch/backend.ts';
import { RampartError } from '../../errors.ts';
import type { Linearized } from '../../models/classifier.ts';
import { createNetwork } from '../../models/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

/** Logits and input gradients of a network whose passes are recorded and replayed, beside those launched kernel by kernel, in batches of `n`. Throws where they differ. */
export async function replayedAsEager(n: number): Promise<string> {
  const { ops } = tf.backend() as TorchBackend;
  const setup = { inputShape: [32, 32, 3] as const, classes: 10, mean: [0, 0, 0], std: [1, 1, 1] };
  const classifier = createNetwork('resnet-18', setup, new Rng('check')).freeze();
  const outcomes: { values: Float32Array[]; seconds: number }[] = [];
  for (const mode of ['off', 'on']) {
    ops.graphReplays(mode);
    const values: Float32Array[] = [];
    let start = 0;
    for (let i = 0; i < 24; i++) {
      if (i === 4) start = performance.now(); // what is recorded is so by then
      const x = tf.tensor4d(new Rng(`graphs ${i}`).uniform(n * 3072), [n, 32, 32, 3]);
      const lin = classifier.linearize?.(x) as Linearized;
      const grad = lin.pullback(tf.oneHot(tf.zeros([n], 'int32'), 10).cast('float32') as tf.Tensor2D);
      values.push((await lin.logits.data()) as Float32Array, (await grad.data()) as Float32Array);
      lin.dispose();
      tf.dispose([x, grad]);
    }
    outcomes.push({ values, seconds: (performance.now() - start) / 1000 });
  }
  const passes = ops.graphReplayed();
  classifier.dispose();
  if (passes === 0) throw new RampartError('expected passes to be replayed, but recording them failed: the reason stands above');
  const [eager, replayed] = outcomes as [(typeof outcomes)[0], (typeof outcomes)[0]];
  const off = replayed.values.findIndex((v, i) => v.some((value, j) => value !== eager.values[i]?.[j]));
  if (off >= 0) throw new RampartError(`expected the bits of passes that are not recorded, got others in pass ${Math.floor(off / 2)}`);
  return `${passes} passes replayed, bit for bit; ${(eager.seconds / replayed.seconds).toFixed(2)} times as fast as launched one by one`;
}
