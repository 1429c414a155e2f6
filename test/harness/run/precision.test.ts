/** A run in bfloat16 beside one in float32, in one folder: cells of their own, models shared, and a site that says so. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { torch } from '../../../engines/torch/index.ts';
import { findBuilt } from '../../../engines/torch/load.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import type { CellRecord, ModelRecord } from '../../../records/record.ts';
import { buildSite } from '../../../reports/site.ts';
import { inProcess, TINY } from './in-process.ts';

const dir = mkdtempSync(join(tmpdir(), 'rampart-precision-'));
afterAll(() => rmSync(dir, { recursive: true }));

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
