/** What a user reads when a training cannot go on. */
import { beforeAll, expect, test } from 'vitest';
import { engine } from '../../../engines/index.ts';
import { train } from '../../../harness/train/train.ts';
import { tf } from '../../../tensor/tf.ts';
import { job, memory } from './training-data.ts';

beforeAll(async () => {
  await engine('wasm').init({ threads: 1, device: 'cpu' });
});

test('a loss that is not finite names epoch, step, learning rate and remedy', async () => {
  const diverging = job('standard', { learningRate: 1e30, gradientClip: 'none', schedule: { kind: 'constant' } });
  await expect(train(diverging)).rejects.toThrow(
    /^\[train standard\] the loss is (NaN|Infinity), not finite at epoch 0, step 1, learning rate 1\.00e\+30: training diverged; lower recipe\.learningRate/,
  );
});

test('weights that are not finite are named before the attack in training is blamed', async () => {
  const diverging = job('pgd-at', { learningRate: 1e38, schedule: { kind: 'constant' } }, { params: { steps: 1 } });
  await expect(train(diverging)).rejects.toThrow(/\[train pgd-at\] (the weights are|the loss is NaN,) not finite at epoch 0, step \d/);
});

test('a validation split that takes all images is refused', async () => {
  await expect(train(job('standard', { validation: 48 }))).rejects.toThrow(
    '[train standard] recipe.validation takes 48 of the 48 training images of halves: none are left; lower recipe.validation or raise the data set limit',
  );
});

test('an aborted training throws its reason and leaves no tensor behind', async () => {
  const before = tf.memory().numTensors;
  const abort = new AbortController();
  const running = train(job('trades', {}, { signal: abort.signal, onProgress: () => abort.abort(new Error('stopped by hand')) }));
  await expect(running).rejects.toThrow('stopped by hand');
  expect(tf.memory().numTensors).toBe(before);
});

test('a checkpoint of another model is refused by the name of what differs', async () => {
  const state = memory();
  const { network } = await train(job('standard', { epochs: 1 }, { checkpoint: state }));
  network.dispose();
  await expect(train(job('standard', {}, { arch: 'resnet-tiny', checkpoint: memory(state.saved[0]) }))).rejects.toThrow(
    'is no state of this training: it has nothing for param/enc.conv1.weight, expected [3, 3, 3, 16]',
  );
});
