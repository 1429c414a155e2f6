import { beforeAll, expect, test } from 'vitest';
import { createTarget } from '../../../attacks/target.ts';
import transfer from '../../../attacks/transfer.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import { tf } from '../../../tensor/tf.ts';
import { input, pixels, threshold } from '../toy.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('passes on the models that an attack transfers from are counted with those on the target', async () => {
  const source = createTarget(threshold(), 'source');
  const params = transfer.params.parse({ sources: ['source'], steps: 3 });
  const result = await evaluate({ ...input(transfer, pixels(10, 240)), params, sources: new Map([['source', source]]) });
  expect(source.passes.backward).toBeGreaterThan(0);
  expect(result.passes.backward).toBe(source.passes.backward);
  expect(result.passes.forward).toBeGreaterThanOrEqual(source.passes.forward);
});
