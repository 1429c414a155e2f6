/** Points of trainings as ways to spend compute: they are no rows, stand beside the ends of their trainings, and leave a cost open. */
import { describe, expect, test } from 'vitest';
import type { CellRecord, ModelRecord, RampartRecord } from '../../../../records/record.ts';
import { wilson } from '../../../../records/stats.ts';
import type { Table } from '../../../../reports/formats/table.ts';
import { buildSite } from '../../../../reports/site.ts';
import { buildView } from '../../../../reports/view/leaderboard.ts';
import { componentsOf } from '../../../../reports/view/seeds/components.ts';
import { quantileOfT } from '../../../../reports/view/seeds/student.ts';
import type { Board, DefenseRow } from '../../../../reports/view/view.ts';
import { cheapestTable, stepAt, stepsOf, unitOf } from '../../../../reports/view/worth/cheapest.ts';
import { judged, type Option, optionName, type Worth, worthOf } from '../../../../reports/view/worth/options.ts';
import { Rng } from '../../../../tensor/rng.ts';
import { syntheticRecords } from '../../synthetic.ts';

const PARTS = [0.25, 0.5, 0.75];

/** Invented records with points: each costs its part, and loses a part of what its training withstands. */
function withPoints({ models = 6, seeds = 1, n = 200, on = 120 } = {}): RampartRecord[] {
  const records = syntheticRecords({ models, seeds, n, attacks: ['fgsm', 'pgd'] });
  const points = records.flatMap((model): RampartRecord[] => {
    if (model.kind !== 'model') return [];
    return PARTS.flatMap((until) => {
      const key = `${model.key}${until * 100}`;
      const { forward, backward } = model.cost.passes;
      const cost = { ...model.cost, passes: { forward: until * forward, backward: until * backward }, wallMs: until * model.cost.wallMs };
      const epochs = model.epochs.slice(0, until * model.epochs.length);
      const point: ModelRecord = {
        ...model,
        key,
        name: `${model.name} (${100 * until} %)`,
        recipe: { ...model.recipe, until },
        cost,
        epochs,
      };
      const cells = records.filter((r): r is CellRecord => r.kind === 'cell' && r.model.key === model.key);
      const own = cells
        .filter(({ attack }) => attack.label !== 'fgsm')
        .map((cell) => ended(cell, point, until, cell.attack.label === 'clean' ? n : on));
      return [point, ...own];
    });
  });
  return [...records, ...points];
}

function ended(cell: CellRecord, { key, name }: ModelRecord, until: number, n: number): CellRecord {
  const robust = [...cell.outcomes.robust.slice(0, n)]
    .map((c, i) => (i % 10 < 10 * until || cell.attack.label === 'clean' ? c : '0'))
    .join('');
  const k = robust.split('1').length - 1;
  const cut = <T>(list: readonly T[]) => list.slice(0, n);
  const { labels, predictions, distances } = cell.outcomes;
  const outcomes = { robust, labels: cut(labels), predictions: cut(predictions), distances: cut(distances) };
  return {
    ...cell,
    key: `${cell.key}${until * 100}`,
    model: { ...cell.model, key, name },
    n,
    accuracy: k / n,
    interval: wilson(k, n),
    outcomes,
  };
}

const boardOf = (records: readonly RampartRecord[]) => {
  const view = buildView(records);
  const board = view.boards[0] as Board;
  return { view, board, worth: worthOf(board, view.points) as Worth };
};

test('points are no rows and no models of the site, unless their whole training is not there', () => {
  const records = withPoints();
  const { view, board } = boardOf(records);
  expect([board.rows.length, view.models.length, view.points.length]).toEqual([6, 6, 18]);
  expect(board.n).toBe(200);
  const [first] = view.points;
  const alone = buildView(records.filter((r) => r.key !== first?.whole && (r.kind === 'model' || r.model.key !== first?.whole)));
  expect([alone.points.length, alone.models.length]).toEqual([15, 5 + 3]);
});

test('the records of points are linked where all records are', async () => {
  const records = withPoints();
  const page = async (all: RampartRecord[]) => String((await buildSite(all)).get('downloads/index.html'));
  const text = await page(records);
  for (const r of records) expect(text).toContain(`records/${r.kind}s/${r.key}.json`);
  expect(await page(syntheticRecords({ models: 2 }))).not.toContain('points of curves');
});

test('options are all points and ends, on the images and under the attacks that all of them share', () => {
  const { board, worth } = boardOf(withPoints({ models: 18, seeds: 3 }));
  expect([worth.attacks, worth.images, worth.options.length]).toEqual([['pgd'], 120, board.defenses.length * 4]);
  for (const defense of board.defenses) {
    const own = worth.options.filter((o) => o.defense === defense);
    expect(own.map((o) => o.until)).toEqual([0.25, 0.5, 0.75, 1]);
    expect(own.map((o) => o.seeds)).toEqual([3, 3, 3, 3]);
    const end = own[3] as Option;
    expect(own.map((o) => o.passes / end.passes)).toEqual([0.25, 0.5, 0.75, 1]);
    const ofSeeds = defense.rows.map(
      (r) => [...r.cells.values()].find((c) => c.attack.label === 'pgd')?.outcomes.robust.slice(0, 120) as string,
    );
    expect(end.accuracy).toBeCloseTo(ofSeeds.map((o) => o.split('1').length - 1).reduce((a, b) => a + b) / 360, 12);
  }
  expect(optionName(worth.options[0] as Option)).toMatch(/, 3 of 12 epochs$/);
});

test('without a curve the ends alone are options, by their worst case', () => {
  const { board, worth } = boardOf(syntheticRecords({ models: 6, n: 200 }));
  expect([worth.attacks, worth.images]).toEqual([undefined, 200]);
  expect(worth.options.map((o) => o.accuracy)).toEqual(board.defenses.map((d) => d.accuracy));
  expect(boardOf(syntheticRecords({ models: 1 })).worth).toBeUndefined();
});

test('a training of few epochs has each point once', () => {
  const records = withPoints({ models: 2 }).map((r) =>
    r.kind === 'model'
      ? { ...r, epochs: r.epochs.slice(0, r.recipe.until === undefined ? 2 : Math.ceil(2 * (r.recipe.until as number))) }
      : r,
  );
  const { worth } = boardOf(records);
  expect(worth.options.map((o) => [o.until, o.epochs])).toEqual(
    [
      [0.25, 1],
      [1, 2],
      [0.25, 1],
      [1, 2],
    ].map(([until, epochs]) => [until === 0.25 ? expect.any(Number) : until, epochs]),
  );
});

test('costs are counted by the undefended training, though nothing has attacked its model', () => {
  const records = syntheticRecords({ models: 6, n: 200 });
  const unit = unitOf(boardOf(records).worth);
  const base = records.find((r): r is ModelRecord => r.kind === 'model' && r.defense.role === 'baseline') as ModelRecord;
  expect(unit).toBe(base.cost.passes.forward + base.cost.passes.backward);
  const { board, worth } = boardOf(records.filter((r) => r.kind === 'model' || r.model.key !== base.key));
  expect(board.defenses.map((d) => d.name)).not.toContain(base.name);
  expect(unitOf(worth)).toBeCloseTo(unit, 6);
});

test('times and their picture are there where all was trained on one device', async () => {
  const records = withPoints();
  const page = async (all: RampartRecord[]) => (await buildSite(all)).paths();
  expect((await page(records)).some((path) => path.endsWith('worth-time.svg'))).toBe(true);
  const { board, worth } = boardOf(records);
  expect(cheapestTable(board, worth).columns.map((c) => c.key)).toContain('time');
  const at = ({ columns, rows }: Table, key: string) => rows.map((row) => row[columns.findIndex((c) => c.key === key)]);
  const priced = cheapestTable(board, worth, [
    { device: 'H100', perHour: 900 },
    { device: 'Invented CPU', perHour: 3600 },
  ]);
  const dearest = Math.max(...worth.options.map((o) => o.accuracy));
  const seconds = (worth.options.find((o) => o.accuracy === dearest) as Option).wallMs / 1000;
  expect(at(priced, 'price')[0]).toBe(String(Number(seconds.toPrecision(2))));
  expect(at(cheapestTable(board, worth, [{ device: 'H100', perHour: 900 }]), 'price')).toEqual(priced.rows.map(() => undefined));
  const [first, ...rest] = records as [ModelRecord, ...RampartRecord[]];
  const host = { ...first.provenance.host, cpu: 'Another CPU' };
  const unlike = [{ ...first, provenance: { ...first.provenance, host } }, ...rest];
  const other = boardOf(unlike);
  expect(other.worth.device).toBeUndefined();
  expect(cheapestTable(other.board, other.worth).columns.map((c) => c.key)).not.toContain('time');
  expect((await page(unlike)).some((path) => path.endsWith('worth-time.svg'))).toBe(false);
});

const option = (name: string, passes: number, accuracy: number, interval: [number, number], surely: number): Option =>
  ({ defense: { name, rows: [] } as unknown as DefenseRow, until: 1, passes, accuracy, interval, surely }) as Option;

describe('the cheapest way to some robustness', () => {
  const options = [
    option('a', 1, 0.1, [0.05, 0.15], 0.02),
    option('b', 4, 0.42, [0.36, 0.48], 0.34),
    option('c', 10, 0.4, [0.35, 0.45], 0.33),
    option('d', 12, 0.47, [0.42, 0.52], 0.41),
  ];
  test('is the cheapest that reached it, with the cheapest whose interval does, and the cheapest that surely does', () => {
    const found = stepsOf({ options }).map(({ target, cheapest, perhaps, surely }) => [
      target,
      ...[cheapest, perhaps, surely].map((o) => o?.defense.name),
    ]);
    expect(found).toEqual([
      [0.47, 'd', 'b', undefined],
      [0.4, 'b', 'b', 'd'],
      [0.3, 'b', 'b', 'b'],
      [0.15, 'b', 'a', 'b'],
      [0.1, 'a', 'a', 'b'],
    ]);
  });
});

test('what a true cheapest training costs lies in what is left open in at least 95 % of boards', () => {
  const rng = new Rng('cost left open');
  const [boards, n, target, byImage, bySeed] = [400, 200, 0.4, 1, 0.12];
  // the third is the cheapest that reaches the target, and only just
  const truth = [0.2, 0.37, 0.4, 0.41, 0.45];
  const threshold = (p: number) => -quantileOfT(2 * p, Number.POSITIVE_INFINITY) * Math.hypot(byImage, bySeed, 1);
  const missed = { below: 0, above: 0 };
  for (let b = 0; b < boards; b++) {
    const images = Array.from(rng.normal(n));
    const components = truth.map((p) => {
      const seeds = Array.from(rng.normal(3), (s) => threshold(p) + bySeed * s);
      return componentsOf(seeds.map((at) => Int8Array.from(images, (ease) => (byImage * ease + rng.gauss() < at ? 1 : 0))));
    });
    const options = judged(components).map((found, i) => ({ ...found, passes: i + 1 }) as Option);
    const { perhaps, surely } = stepAt([...options, option('sure', 9, 1, [1, 1], 1)], target);
    if (perhaps.passes > 3) missed.above++;
    if ((surely as Option).passes < 3) missed.below++;
  }
  // 2.5 % each, and three standard deviations of 400 boards
  expect(missed.above / boards).toBeLessThanOrEqual(0.025 + 0.023);
  expect(missed.below / boards).toBeLessThanOrEqual(0.025 + 0.023);
});
