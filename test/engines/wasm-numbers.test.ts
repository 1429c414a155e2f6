import '@tensorflow/tfjs-backend-cpu';
import { expect, test } from 'vitest';
import { wasm } from '../../engines/wasm/index.ts';
import { tf } from '../../tensor/tf.ts';

test('the sign of a tiny number is not 0, that of NaN is, as in PyTorch', async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
  const t = tf.tensor1d([3, 9e-8, -9e-8, 1e-20, -1e-20, 0, Number.NaN]);
  expect(tf.sign(t).arraySync()).toEqual([1, 1, -1, 1, -1, 0, 0]);
});

test.each(['minimum', 'maximum', 'greater', 'lessEqual', 'notEqual'] as const)('%s broadcasts as on the cpu backend', async (name) => {
  const results: unknown[] = [];
  for (const backend of ['cpu', 'wasm']) {
    if (backend === 'cpu') await tf.setBackend('cpu');
    else await wasm.init({ threads: 1, device: 'cpu' });
    const a = tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
    const before = tf.memory().numTensors;
    const out = [tf.tensor3d([3, 6], [2, 1, 1]), tf.tensor2d([[2, 7]]), tf.tensor1d([4, 4])].flatMap((b) => {
      const [there, back] = [tf[name](a, b), tf[name](b, a)];
      const values = [there.arraySync(), back.arraySync()];
      tf.dispose([b, there, back]);
      return values;
    });
    expect(tf.memory().numTensors).toBe(before);
    results.push(out);
  }
  expect(results[1]).toEqual(results[0]);
});
