/** Gradients that losses write out are, to the bit, those that the tape takes; ties among them. */
import { beforeAll, expect, test } from 'vitest';
import type { Loss } from '../../../attacks/attack.ts';
import { dlr, targetedDlr } from '../../../attacks/parts/dlr.ts';
import { crossEntropy, margin, probabilityMargin } from '../../../attacks/parts/losses.ts';
import { wasm } from '../../../engines/wasm/index.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';

const CLASSES = 6;
const LABELS = [0, 5, 2, 3];

const losses: Record<string, (y: tf.Tensor1D) => Loss> = {
  crossEntropy,
  margin,
  probabilityMargin,
  dlr,
  targetedDlr: (y) => targetedDlr(y, () => tf.tensor1d([1, 2, 3, 4], 'int32')),
};

beforeAll(async () => {
  await wasm.init({ threads: 1, device: 'cpu' });
});

const cases = ['cpu', 'wasm'].flatMap((backend) => Object.entries(losses).map(([name, loss]) => ({ backend, name, loss })));

test.each(cases)('$name on $backend', async ({ backend, loss }) => {
  await tf.setBackend(backend);
  const y = tf.tensor1d(LABELS, 'int32');
  // the last row has equal logits, the one before it a tie of two
  const values = [...new Rng('logits').normal(3 * CLASSES), ...new Float32Array(CLASSES)];
  values[2 * CLASSES + 1] = values[2 * CLASSES] as number;
  const logits = tf.tensor2d(values, [LABELS.length, CLASSES]);
  const own = loss(y);
  const direct = own.withGradient?.(logits);
  const taped = tf.grad((z: tf.Tensor) => own(z as tf.Tensor2D).sum())(logits);
  expect(direct?.value.arraySync()).toEqual(own(logits).arraySync());
  expect(direct?.grad.dataSync()).toEqual(taped.dataSync());
});
