/** A run in bfloat16 beside one in float32, in one folder: cells of their own, models shared, and a site that says so. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { torch } from '../../../engines/torch/index.ts';
import { findBuilt } from '../../../engines/torch/load.ts';
import { engineIdentity } from '../../../harness/job/engine.ts';
import type { Plan } from '../../../harness/run/plan.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import type { CellRecord, ModelRecord } from '../../../records/record.ts';
import { buildSite } from '../../../reports/site.ts';
import { inProcess, TINY } from './in-process.ts';
import { planFor } from './plans.ts';

const dir = mkdtempSync(join(tmpdir(), 'rampart-precision-'));
afterAll(() => rmSync(dir, { recursive: true }));

const firstCell = (plan: Plan) =>
  plan.cells[1]?.job(
    () => 'w',
    (id) => id,
  );

const low = { ...torch, init: (options: Parameters<typeof torch.init>[0]) => torch.init({ ...options, precision: 'bf16' }) } as const;

test.skipIf(!findBuilt())('records of two precisions are never mixed', { timeout: 60_000 }, async () => {
  const store = new FolderStore(join(dir, 'both'));
  const exact = await (await inProcess(store, TINY, torch)).run();
  const second = await inProcess(store, { ...TINY, engine: 'engine: { name: torch, batchSize: 4, workers: 1, precision: bf16 }' }, low);
  const inBf16 = await second.run();
  expect(inBf16.failed).toEqual([]);
  // the model is that of the first run
  expect(second.performed.sort()).toEqual(['clean', 'pgd', 'square']);
  const parts = [exact, inBf16].map(({ records }) => ({
    models: records.filter((r): r is ModelRecord => r.kind === 'model'),
    cells: records.filter((r): r is CellRecord => r.kind === 'cell'),
  }));
  const [first, then] = parts as [(typeof parts)[0], (typeof parts)[0]];
  expect(then.models).toEqual(first.models);
  expect(first.models[0]?.provenance.engine.precision).toBe('fp32');
  for (const { key, provenance, flags } of first.cells) {
    expect(provenance.engine.precision).toBe('fp32');
    expect(flags.map(({ name }) => name)).not.toContain('low-precision');
    expect(then.cells.map((cell) => cell.key)).not.toContain(key);
  }
  for (const { provenance, flags } of then.cells) {
    expect(provenance.engine.precision).toBe('bf16');
    expect(flags[0]?.name).toBe('low-precision');
  }
  const pages = await buildSite(inBf16.records, { title: 'Low' });
  const text = (path: string) => String(pages.get(path));
  expect(/Attacked in.*\n?.*bf16/.test(text('models/standard.html'))).toBe(true);
  expect(text('models/standard.html').includes(', 1 threads, fp32')).toBe(true);
  expect(text('models/standard/suite.yml')).toContain('precision: bf16');
});

test('a cell in another precision is another cell, on a GPU also one of before it could be chosen; training is in float32 for all but tf32', async () => {
  const on = (device: string, precision?: 'fp32' | 'tf32' | 'bf16') =>
    engineIdentity({ name: 'torch', version: '2', device, threads: 1, precision });
  expect(on('cpu', 'fp32')).toEqual(on('cpu'));
  expect(on('cuda:0', 'fp32')).not.toEqual(on('cuda:0'));
  const plans = await Promise.all(
    [on('cpu'), on('cpu', 'bf16'), on('cuda:0', 'fp32'), on('cuda:0', 'bf16'), on('cuda:0', 'tf32')].map((e) => planFor({}, {}, e)),
  );
  expect(new Set(plans.map(({ plan }) => firstCell(plan)?.key)).size).toBe(5);
  const [cpu, cpuLow, gpu, gpuLow, gpuTf32] = plans.map(({ plan }) => plan.models[0]?.job.key);
  expect([cpuLow, gpuLow]).toEqual([cpu, gpu]);
  expect(gpuTf32).not.toBe(gpu);
});
