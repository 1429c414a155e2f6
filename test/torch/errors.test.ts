/** What goes wrong inside libtorch reaches JavaScript as an error with operation, shapes and dtypes; the process goes on. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FROZEN_KINDS } from '../../engines/torch/agree.ts';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt, loadBinding } from '../../engines/torch/load.ts';
import { RampartError } from '../../errors.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenNetwork } from '../golden.ts';
import { testDevice } from './device.ts';

const ops = () => loadBinding(1).binding.ops;
const upload = (shape: number[], dtype = 'float32') => {
  const size = shape.reduce((a, b) => a * b, 1);
  return loadBinding(1).binding.upload(dtype === 'int32' ? new Int32Array(size) : new Float32Array(size), shape, dtype);
};

describe.skipIf(!findBuilt())('an error inside libtorch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });

  afterEach(() => {
    expect(tf.tensor1d([1, 2]).add(1).arraySync()).toEqual([2, 3]);
  });

  test('shapes that do not broadcast', () => {
    expect(() => ops().add(upload([2, 3]), upload([4]))).toThrow(/^\[torch\] add\(float32 \[2, 3\], float32 \[4\]\): .*size/);
  });

  test('matrices that do not fit', () => {
    expect(() => ops().matMul(upload([2, 3]), upload([4, 5]), false, false, null, 'linear', null, 0)).toThrow(
      /^\[torch\] matMul\(float32 \[2, 3\], float32 \[4, 5\]/,
    );
  });

  test('a convolution with the wrong channels', () => {
    expect(() =>
      ops().conv(upload([20, 8, 8, 16]), upload([3, 3, 32, 16]), [1, 1], [1, 1], [1, 1], [8, 8], null, 'linear', null, 0),
    ).toThrow(/^\[torch\] conv\(float32 \[20, 8, 8, 16\], float32 \[3, 3, 32, 16\]/);
  });

  test('a dtype that the operation does not take', () => {
    expect(() => ops().batchNorm(upload([2, 2, 2, 4], 'int32'), upload([4]), upload([4]), 1e-5)).toThrow(
      /^\[torch\] batchNorm\(int32 \[2, 2, 2, 4\], float32 \[4\]/,
    );
  });

  test('indices out of range', () => {
    const index = loadBinding(1).binding.upload(Int32Array.of(7), [1], 'int32');
    expect(() => ops().gather(upload([3, 2]), index, 0, 0)).toThrow(/gather\(float32 \[3, 2\], int32 \[1\].*7 is not in \[0, 2\]/);
  });

  test('more memory than there is', () => {
    expect(() => ops().fill([1 << 30, 1 << 20], 0, 'float32')).toThrow(/^\[torch\] fill\(.*(memory|alloc)/i);
  });

  test('a slot that was released', () => {
    const slot = upload([2]);
    loadBinding(1).binding.release(slot);
    expect(() => ops().relu(slot)).toThrow(/^\[torch\] relu\(an empty slot\): slot \d+ holds no tensor/);
  });

  test('a sum of a convolution and what has not its shape', () => {
    const kind = (op: (typeof FROZEN_KINDS)[number]) => FROZEN_KINDS.indexOf(op);
    const conv = (from: number, pad: number, weight: number) => [kind('conv'), from, -1, 0, 1, pad, weight, weight + 1, -1, -1];
    // the convolution before the sum goes into it
    const code = [
      [kind('input'), -1, -1, 0, 1, 0, -1, -1, -1, -1],
      conv(0, 0, 0),
      conv(0, 1, 2),
      [kind('add'), 2, 1, 0, 1, 0, -1, -1, -1, -1],
    ];
    const weights = [[8, 8, 16, 16], [16], [3, 3, 16, 16], [16]].map((shape) => upload(shape));
    const graph = ops().graphLoad(code.flat(), weights, 3, false);
    expect(() => ops().graphLogits(graph, upload([5, 8, 8, 16]))).toThrow(
      /a convolution gives float32 \[5, 8, 8, 16\], added to it is float32 \[5, 1, 1, 16\]/,
    );
    ops().graphUnload(graph);
  });

  test('a normalisation of no channels, an image of no rows', () => {
    const none = upload([0]);
    expect(() => ops().batchNorm(upload([4, 8, 8, 0]), none, none, 1e-5)).toThrow(/without channels/);
    expect(() => ops().resizeBilinear(upload([1, 0, 8, 3]), 4, 4, false, false)).toThrow(/without rows or columns/);
  });

  test('bytes that do not fill the shape', () => {
    expect(() => loadBinding(1).binding.upload(new Float32Array(3), [2, 2], 'float32')).toThrow(/got 12 bytes for float32 \[2, 2\]/);
  });

  test('images of another size than the network was made for', () => {
    expect(() =>
      goldenNetwork()
        .freeze()
        .logits(tf.zeros([2, 28, 28, 3])),
    ).toThrow(/a frozen network expected float32 \[n, 32, 32, 3\], got float32 \[2, 28, 28, 3\]/);
  });

  test('a device that is neither cpu nor a GPU', async () => {
    await expect(torch.init({ threads: 1, device: 'tpu' })).rejects.toThrow(RampartError);
  });

  test('a GPU that is not there', async () => {
    await expect(torch.init({ threads: 1, device: 'cuda:99' })).rejects.toThrow(/CUDA devices/);
  });
});
