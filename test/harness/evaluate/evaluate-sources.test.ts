import { beforeAll, expect, test } from 'vitest';
import transfer from '../../../attacks/transfer.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import { tf } from '../../../tensor/tf.ts';
import { input, pixels, threshold } from '../toy.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('passes on the models that an attack transfers from are counted with those on the target', async () => {
  const params = transfer.params.parse({ sources: ['source'], steps: 3 });
  const sources = new Map([['source', { classifier: threshold(), name: 'source' }]]);
  const result = await evaluate({ ...input(transfer, pixels(10, 240)), params, sources });
  // both images are far from the boundary: three steps on the source and one look at the target each
  expect(result.passes).toEqual({ forward: 2 * 3 + 2, backward: 2 * 3 });
});
