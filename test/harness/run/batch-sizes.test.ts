import { expect, test } from 'vitest';
import { type BatchSizeOptions, BatchSizes } from '../../../harness/run/batch-sizes.ts';
import { cpuEngine, planFor } from './plans.ts';

const GB = 2 ** 30;

/** A clean cell, its model, and a cell of a model with another network. */
async function planned() {
  const { plan } = await planFor({ architectures: 'architectures: [cnn-small, resnet-tiny]' });
  const [cell] = plan.cells;
  const other = plan.cells.find((c) => c.model.job.arch.name !== cell?.model.job.arch.name);
  if (!cell || !other) throw new Error('the plan has too few networks');
  return { cell, model: cell.model, other };
}

const onCpu = (options: Partial<BatchSizeOptions> = {}) => new BatchSizes({ slots: [cpuEngine], memory: 64 * GB, ...options });

test('a pass begins with as many images as make it fast', async () => {
  const { cell } = await planned();
  expect(onCpu().of(cell)).toBe(128);
  expect(onCpu({ slots: [{ ...cpuEngine, device: 'cuda:0' }] }).of(cell)).toBe(1024);
  expect(onCpu({ given: 48 }).of(cell)).toBe(48);
});

test('on a CPU it begins with the power of two that half of the worker`s share of free memory holds', async () => {
  const { cell } = await planned();
  const memory = 2 * 20 * 8 * cell.model.activations;
  expect(onCpu({ memory }).of(cell)).toBe(16);
  expect(onCpu({ memory, slots: [cpuEngine, cpuEngine] }).of(cell)).toBe(8);
  expect(onCpu({ memory: 1 }).of(cell)).toBe(1);
});

test('what did not fit is halved for every job of that network, and for no other', async () => {
  const { cell, other } = await planned();
  const sizes = onCpu({ given: 9 });
  expect(sizes.tooMany(cell, 9)).toBe(true);
  expect([sizes.of(cell), sizes.of(other)]).toEqual([4, 9]);
  // another job that had begun with nine images too
  expect(sizes.tooMany(cell, 9)).toBe(true);
  expect(sizes.of(cell)).toBe(4);
  expect(sizes.tooMany(cell, 4)).toBe(true);
  expect(sizes.of(cell)).toBe(2);
});

test('a single image, or a training whose batches are its recipe`s, is not tried with less', async () => {
  const { cell, model } = await planned();
  const sizes = onCpu();
  expect(sizes.tooMany(cell, 1)).toBe(false);
  expect(sizes.tooMany(model, 128)).toBe(false);
  expect(sizes.known()).toEqual([]);
});

test('what one run found another knows, on as many workers', async () => {
  const { cell, other } = await planned();
  const sizes = onCpu();
  sizes.tooMany(cell, 128);
  const known = sizes.known();
  expect([onCpu({ known }).of(cell), onCpu({ known }).of(other)]).toEqual([64, 128]);
  expect(onCpu({ known, slots: [cpuEngine, cpuEngine] }).of(cell)).toBe(128);
});
