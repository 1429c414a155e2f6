/** Memory that runs out inside libtorch, as it says so on a CPU and on a GPU: a code that halves the batch, and a record with the same bits. */
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { TorchBackend } from '../../engines/torch/backend.ts';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { failureOf } from '../../harness/job/failures.ts';
import { FolderStore } from '../../records/folder-store.ts';
import type { CellRecord } from '../../records/record.ts';
import { tf } from '../../tensor/tf.ts';
import { freshFolder } from '../harness/folders.ts';
import { contents, inProcess, TINY } from '../harness/run/in-process.ts';
import { testDevice } from './device.ts';

const backend = () => tf.backend() as TorchBackend;

/** Runs a suite in which a pass of more than `most` images fails as `kind`. */
async function run(most: number, kind: string) {
  await torch.init({ threads: 1, device: testDevice });
  const ops = backend().ops as { -readonly [K in keyof TorchBackend['ops']]: TorchBackend['ops'][K] };
  const { graphForward, graphLogits } = ops;
  const store = new FolderStore(join(freshFolder(), 'out'));
  const changes = {
    ...TINY,
    datasets: 'datasets: [{ name: shapes, train: 48, test: 30 }]',
    recipe: 'recipe: { epochs: 1, validation: 8, batchSize: 20 }',
    attacks: 'attacks: [{ name: pgd, steps: 3 }, { name: apgd-ce, iterations: 4 }, { name: square, queries: 10 }]',
    engine: 'engine: { name: torch, batchSize: 16, workers: 1 }',
  };
  const { run, notes, performed } = await inProcess(store, changes, torch);
  let training = true;
  const limited =
    <R>(op: (graph: number, x: number) => R) =>
    (graph: number, x: number): R => {
      const [n] = ops.identity(x).shape as [number];
      // validation is a part of training
      if (performed.at(-1) !== 'standard') training = false;
      if (!training && n > most) ops.failFor(kind);
      return op(graph, x);
    };
  Object.assign(ops, { graphForward: limited(graphForward), graphLogits: limited(graphLogits) });
  try {
    const { records, failed } = await run();
    return { records, failed, notes, store };
  } finally {
    Object.assign(ops, { graphForward, graphLogits });
  }
}

describe.skipIf(!findBuilt())('out of memory on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });

  const failing = (body: () => void): Error & { code?: string } => {
    try {
      body();
    } catch (error) {
      return error as Error;
    }
    throw new Error('it did not fail');
  };

  test.each([
    ['allocator', 'CUDA out of memory. Tried to allocate 2.00 GiB.'],
    ['runtime', 'CUDA error: out of memory'],
    ['cudnn', 'cuDNN error: CUDNN_STATUS_ALLOC_FAILED'],
    ['cublas', 'CUDA error: CUBLAS_STATUS_ALLOC_FAILED'],
    ['heap', 'std::bad_alloc'],
  ])('%s: has the code, and is a failure for want of memory', (kind, message) => {
    const error = failing(() => backend().ops.failFor(kind));
    expect(error.message).toContain(`[torch] failFor(${kind}): ${message}`);
    expect(error.code).toBe('ERR_OUT_OF_MEMORY');
    expect(failureOf(error).kind).toBe('memory');
  });

  test("the CPU's own allocator has it, another mistake has it not", () => {
    const error = failing(() => backend().ops.fill([2 ** 20, 2 ** 20, 2 ** 8], 0, 'float32'));
    expect(error.code).toBe('ERR_OUT_OF_MEMORY');
    const other = failing(() => backend().ops.failFor('nothing'));
    expect(other.code).toBeUndefined();
    expect(failureOf(other).kind).toBe('error');
  });

  test('a cell goes on with half the images a pass, and with half of these, to the record of one that had memory', {
    timeout: 60_000,
  }, async () => {
    const whole = await run(1000, 'allocator');
    const halved = await run(5, 'cudnn');
    expect([...whole.failed, ...halved.failed]).toEqual([]);
    expect(whole.notes).toEqual([]);
    expect(halved.notes).toEqual(
      [16, 8].map((n) => `${n} images a pass were too many for the memory: clean on standard goes on with ${n / 2}`),
    );
    expect(await contents(halved.records, halved.store)).toEqual(await contents(whole.records, whole.store));
    const sizes = halved.records.filter((r): r is CellRecord => r.kind === 'cell').map((r) => r.batchSize);
    expect(sizes).toEqual([4, 4, 4, 4]);
  });
});
