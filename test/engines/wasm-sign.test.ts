import { expect, test } from 'vitest';
import { wasm } from '../../engines/wasm/index.ts';
import { tf } from '../../tensor/tf.ts';

test('the sign of a tiny number is not 0', async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
  const t = tf.tensor1d([3, 9e-8, -9e-8, 1e-20, -1e-20, 0, Number.NaN]);
  expect(tf.sign(t).arraySync()).toEqual([1, 1, -1, 1, -1, 0, Number.NaN]);
});
