import { expect, test } from 'vitest';
import { wasm } from '../../engines/wasm/index.ts';
import { tf } from '../../tensor/tf.ts';

test('a tensor that does not fit is refused with its size and the way out, and what was there stays usable', async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
  const small = tf.tensor1d([1, 2, 3]);
  // space is reserved, not written, so that the machine need not have it
  const reserve = () =>
    (tf.backend() as unknown as { write(v: null, shape: number[], t: string): object }).write(null, [100 * 2 ** 20], 'float32');
  const fill = () => {
    for (let i = 0; i < 11; i++) reserve();
  };
  expect(fill).toThrow(/^\[engine wasm\] out of memory: no room for 400 MB in \d+ MB.*; take a smaller batch, or --engine torch$/);
  expect([...small.add(1).dataSync()]).toEqual([2, 3, 4]);
});
