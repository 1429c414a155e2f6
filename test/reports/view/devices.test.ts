/** Times of unlike devices: said where they are shown, and in no ratio. */
import { expect, test } from 'vitest';
import { summary } from '../../../cli/summary.ts';
import { deviceOf, type Provenance, type RampartRecord } from '../../../records/record.ts';
import { buildSite } from '../../../reports/site.ts';
import { boardColumns } from '../../../reports/view/board-table.ts';
import { buildView } from '../../../reports/view/leaderboard.ts';
import type { Board, Row } from '../../../reports/view/view.ts';
import { syntheticRecords } from '../synthetic.ts';

const CPU = 'Invented CPU @ 2.10GHz (threads: 2), wasm 4.22.0';
const H100 = 'NVIDIA H100 80GB HBM3, torch 2.15.0';

const gpu = ({ host, ...rest }: Provenance, index = 0): Provenance => ({
  ...rest,
  host,
  engine: { name: 'torch', version: '2.15.0', device: `cuda:${index}`, threads: 4, deviceName: 'NVIDIA H100 80GB HBM3' },
});

/** The undefended model and `trades`, with the provenance that `of` gives the records of each. */
function view(of: (name: string, kind: RampartRecord['kind'], own: Provenance) => Provenance) {
  const records = syntheticRecords({ models: 4, attacks: ['pgd', 'autoattack'], n: 40 }).map((r) => ({
    ...r,
    provenance: of(r.kind === 'model' ? r.name : r.model.name, r.kind, r.provenance),
  })) as RampartRecord[];
  const { boards } = buildView(records);
  const row = (name: string) => boards[0]?.rows.find(({ model }) => model.name === name) as Row;
  const note = (key: string, name: string) =>
    boardColumns(boards[0] as Board, true)
      .find((column) => column.key === key)
      ?.note?.(row(name), boards[0] as Board);
  return { records, row, note, all: buildView(records) };
}

test('a device is the processor with its threads, or the GPU by its name, with the engine', () => {
  const own = view((_, __, own) => own).records[0]?.provenance as Provenance;
  expect(deviceOf(own)).toBe(CPU);
  expect(deviceOf(gpu(own, 0))).toBe(H100);
  // which of several it is changes nothing
  expect(deviceOf(gpu(own, 1))).toBe(H100);
  const { deviceName: _, ...nameless } = gpu(own).engine;
  expect(deviceOf({ ...own, engine: { ...nameless, precision: 'bf16' } })).toBe(
    'cuda:0 beside Invented CPU @ 2.10GHz, torch 2.15.0 in bf16',
  );
  expect(deviceOf({ ...own, engine: { ...own.engine, precision: 'fp32' } })).toBe(CPU);
});

test('a ratio of times is that of the same device, whichever of its kind; of unlike devices there is one of passes alone', () => {
  const same = view((_, __, own) => own);
  const { model, ratio } = same.row('trades');
  const base = same.row('standard').model.record;
  expect(ratio?.time).toBeCloseTo(model.record.cost.wallMs / base.cost.wallMs, 9);
  const two = view((name, _, own) => gpu(own, name === 'trades' ? 1 : 0));
  expect(two.row('trades').ratio).toEqual(ratio);
  const unlike = view((name, _, own) => (name === 'trades' ? gpu(own) : own));
  expect(unlike.row('trades').ratio).toEqual({ passes: ratio?.passes, time: undefined });
});

test('the board says what each was trained and attacked on where rows differ, shards of one cell too', async () => {
  const same = view((_, __, own) => own);
  expect(same.note('training_ms', 'trades')).toBeUndefined();
  expect(same.note('attack_ms', 'trades')).toBeUndefined();
  const { records, row, note } = view((name, _, own) => (name === 'trades' ? gpu(own) : own));
  expect(row('trades').attackCost.devices).toEqual([H100]);
  expect(row('standard').attackCost.devices).toEqual([CPU]);
  expect(note('training_ms', 'trades')).toBe(`on ${H100}`);
  expect(note('attack_ms', 'standard')).toBe(`on ${CPU}`);

  const sharded = records.map((r) => {
    if (r.kind !== 'cell' || r.model.name !== 'standard' || r.attack.label !== 'autoattack') return r;
    const made = (from: number, provenance: Provenance) => ({ from, count: 20, wallMs: 1, provenance });
    return { ...r, shards: [made(0, r.provenance), made(20, gpu(r.provenance))] };
  });
  const cut = buildView(sharded).boards[0]?.rows.find(({ model }) => model.name === 'standard');
  expect(cut?.attackCost.devices).toEqual([CPU, H100]);

  const site = await buildSite(sharded, { title: 'Devices' });
  const text = (path: string) => String(site.get(path));
  expect(text('methods.html')).toContain(
    `Models were trained on 2 devices (${CPU}; ${H100}): compare passes and optimizer steps, not times. Ratios of times are given only where both are of the same device.`,
  );
  expect(text('methods.html')).toContain(`Attacks ran on 2 devices (${CPU}; ${H100}): compare their passes`);
  expect(text('models/trades.html')).toMatch(/times the passes; times are of unlike devices/);
  expect(text('models/trades.html')).toContain(`images a second) on ${H100}`);
  expect(text('data/trades.js')).toContain(`"device":"${H100}"`);
  const boards = site.paths().filter((path) => path.endsWith('.csv') && text(path).includes('attack_device'));
  expect(boards.length).toBeGreaterThan(0);
  for (const path of boards) expect(text(path)).toContain(`${CPU}; ${H100}`);
});

test('of one device nothing is said of others', async () => {
  const { records, all } = view((_, __, own) => own);
  const site = await buildSite(records, { title: 'One device' });
  expect(String(site.get('methods.html'))).not.toMatch(/trained on \d devices|ran on \d devices/);
  expect(summary(all)).not.toContain('devices');
  const unlike = view((name, _, own) => (name === 'trades' ? gpu(own) : own));
  expect(summary(unlike.all)).toContain(`times are of 2 devices, and not to be compared: ${CPU}; ${H100}`);
});
