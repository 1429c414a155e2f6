/** Boards from records made by hand: worst cases, who is ranked, and on which images. */
import { describe, expect, it } from 'vitest';
import type { CellRecord, ModelRecord, RampartRecord } from '../../../records/record.ts';
import { wilson } from '../../../records/stats.ts';
import { boardColumns, boardTable } from '../../../reports/view/board-table.ts';
import { buildView } from '../../../reports/view/leaderboard.ts';
import { rankText } from '../../../reports/view/ranking.ts';
import type { Board } from '../../../reports/view/view.ts';
import { Rng } from '../../../tensor/rng.ts';
import { syntheticRecords } from '../synthetic.ts';

/** A board with these outcomes by model and attack; indices, or a failure in place of the outcomes, where they are given. */
type Outcomes = string | { robust: string; indices: number[] } | 'failed';

function boardOf(
  models: Record<string, Record<string, Outcomes>>,
  change: (model: ModelRecord) => Partial<ModelRecord> = () => ({}),
  changeAll: (records: RampartRecord[]) => RampartRecord[] = (records) => records,
): Board {
  const template = syntheticRecords({ models: 1, attacks: ['fgsm', 'pgd', 'square', 'transfer', 'autoattack'], n: 1 });
  const records: RampartRecord[] = Object.entries(models).flatMap(([name, attacks]) => {
    const model = { ...(template[0] as ModelRecord), key: `model ${name}`, name };
    const cells = Object.entries(attacks).map(([label, outcomes]): CellRecord => {
      const like = template.find((r) => r.kind === 'cell' && r.attack.label === label) as CellRecord;
      return { ...like, key: `${name} ${label}`, model: { ...like.model, key: model.key, name }, ...resultOf(outcomes) };
    });
    return [{ ...model, ...change(model) }, ...cells];
  });
  return buildView(changeAll(records)).boards[0] as Board;
}

function resultOf(outcomes: Outcomes): Partial<CellRecord> {
  if (outcomes === 'failed')
    return {
      status: 'failed',
      error: { message: 'killed', kind: 'killed' },
      n: 0,
      outcomes: { robust: '', labels: [], predictions: [], distances: [] },
    };
  const { robust, indices } = typeof outcomes === 'string' ? { robust: outcomes, indices: undefined } : outcomes;
  const n = robust.length;
  const k = robust.split('1').length - 1;
  const labels = [...robust].map((_, i) => (indices?.[i] ?? i) % 10);
  return {
    n,
    ...(indices && { indices }),
    accuracy: k / n,
    interval: wilson(k, n),
    outcomes: { robust, labels, predictions: labels, distances: labels.map(() => 0) },
  };
}

const summary = (board: Board) =>
  board.rows.map((r) => [r.model.name, r.rank ? rankText(r.rank) : '-', r.worst ? `${r.worst.k} of ${r.worst.n}` : '-']);
const incomplete = (board: Board, name: string) =>
  board.rows.find((r) => r.model.name === name)?.flags.flatMap(({ flag }) => (flag.name === 'incomplete' ? [flag.detail] : []));

describe('a worst case', () => {
  it('rests on the images that every attack saw, and is not above an attack on the same images', () => {
    // PGD leaves 4 of 30, of the first six one; Square leaves that one
    const board = boardOf({ a: { clean: '1'.repeat(30), pgd: `000100${'0'.repeat(21)}111`, square: '111100' } });
    const [row] = board.rows;
    expect(row?.worst).toMatchObject({ k: 1, n: 6, images: [0, 1, 2, 3, 4, 5], outcomes: '000100', attacks: 2, clean: 1 });
    expect(board.n).toBe(30);
    const columns = boardColumns(board, true);
    const note = (key: string) => row && columns.find((c) => c.key === key)?.note?.(row, board);
    expect([note('pgd'), note('square'), note('clean')]).toEqual([undefined, 'of 6', undefined]);
    expect(note('worst_case')).toMatch(/ of 6$/);
    const table = boardTable(board, columns);
    expect(table.caption).toContain('6 test images (square on 6, the others on 30)');
    expect(table.rows[0]?.[table.columns.findIndex((c) => c.key === 'square_n')]).toBe(6);
  });

  it('joins attacks on the index of the image', () => {
    const board = boardOf({
      a: {
        clean: { robust: '1111', indices: [2, 4, 6, 8] },
        pgd: { robust: '0111', indices: [8, 6, 4, 2] },
        square: { robust: '01', indices: [2, 4] },
      },
    });
    expect(board.rows[0]?.worst).toMatchObject({ images: [2, 4], outcomes: '01' });
  });

  it('counts an attack that is not required on the images that it saw', () => {
    const board = boardOf({ a: { clean: '1111', pgd: '1110', transfer: '10' }, b: { clean: '1111', pgd: '1100' } });
    expect(summary(board)).toEqual([
      ['a', '1–2', '2 of 4'],
      ['b', '1–2', '2 of 4'],
    ]);
  });

  it('is never above any attack on the images that both have, whatever the selections', () => {
    const rng = new Rng('worst');
    for (let trial = 0; trial < 50; trial++) {
      const draw = () => {
        const indices = [...rng.permutation(20)].slice(0, 5 + rng.int(15));
        return { robust: indices.map(() => (rng.next() < 0.7 ? '1' : '0')).join(''), indices };
      };
      const cells = { clean: draw(), pgd: draw(), square: draw(), transfer: draw() };
      const { worst } = boardOf({ a: cells }).rows[0] ?? {};
      for (const { robust, indices } of Object.values(cells)) {
        const shared = (worst?.images ?? []).filter((image) => indices.includes(image));
        const ofWorst = shared.filter((image) => worst?.outcomes[worst.images.indexOf(image)] === '1').length;
        expect(ofWorst).toBeLessThanOrEqual(shared.filter((image) => robust[indices.indexOf(image)] === '1').length);
      }
    }
  });
});

describe('a rank', () => {
  const full = '1'.repeat(30);

  it('is refused where the worst case rests on fewer images than those of the others', () => {
    const board = boardOf({
      few: { clean: full, pgd: '111111', square: '111111' },
      a: { clean: full, pgd: full, square: `${'1'.repeat(20)}${'0'.repeat(10)}` },
      b: { clean: full, pgd: full, square: `${'1'.repeat(19)}${'0'.repeat(11)}` },
    });
    expect(summary(board)).toEqual([
      ['a', '1–2', '20 of 30'],
      ['b', '1–2', '19 of 30'],
      ['few', '-', '6 of 6'],
    ]);
    expect(incomplete(board, 'few')).toEqual(['not ranked: its worst case lacks 24 of the 30 images that those of the others rest on']);
  });

  it('is taken on the images of most models where one has more', () => {
    const board = boardOf({
      more: { clean: full, pgd: `${'0'.repeat(4)}${'1'.repeat(26)}` },
      a: { clean: full, pgd: '111000' },
      b: { clean: full, pgd: '110000' },
    });
    expect(summary(board)).toEqual([
      ['a', '1–3', '3 of 6'],
      ['b', '1–3', '2 of 6'],
      ['more', '1–3', '2 of 6'],
    ]);
  });

  it('compares the same images, wherever they are in the lists', () => {
    const forwards = Array.from({ length: 40 }, (_, i) => 100 + i);
    const robust = `${'1'.repeat(20)}${'0'.repeat(20)}`;
    const mirrored = { robust: [...robust].reverse().join(''), indices: [...forwards].reverse() };
    const board = boardOf({
      a: { clean: { robust, indices: forwards }, pgd: { robust, indices: forwards } },
      b: { clean: mirrored, pgd: mirrored },
    });
    expect(board.pairs).toMatchObject([{ n: 40, onlyI: 0, onlyJ: 0, p: 1 }]);
  });

  it('is refused where an attack failed, required or not', () => {
    const board = boardOf({
      a: { clean: '1111', pgd: '1111', fgsm: '1111' },
      b: { clean: '1111', pgd: '1110', square: 'failed' },
      c: { clean: '1111', pgd: '1100' },
    });
    expect(summary(board).map(([name, rank]) => [name, rank])).toEqual([
      ['a', '1–2'],
      ['c', '1–2'],
      ['b', '-'],
    ]);
    expect(board.rows[2]?.flags.map(({ flag }) => [flag.name, flag.detail])).toEqual([
      ['incomplete', 'not ranked: no result of square'],
      ['attack-failed', 'square: killed'],
    ]);
  });

  it.each(['no-gradients', 'gradient-mismatch'])('is refused where a figure means nothing: %s', (name) => {
    const board = boardOf(
      { a: { clean: '1111', pgd: '1111' }, b: { clean: '1111', pgd: '1110' }, c: { clean: '1111', pgd: '1100' } },
      (model) => (model.name === 'a' ? { flags: [{ name, detail: '' }] } : { flags: [{ name: 'unverified-import', detail: '' }] }),
    );
    expect(summary(board).map(([model, rank]) => [model, rank])).toEqual([
      ['b', '1–2'],
      ['c', '1–2'],
      ['a', '-'],
    ]);
    expect(incomplete(board, 'a')).toEqual([`not ranked: its gradients are no ground for a figure: ${name}`]);
  });

  it('needs the attacks that half of the models have', () => {
    const board = boardOf({ a: { clean: '11', pgd: '11', square: '11' }, b: { clean: '11', pgd: '11' } });
    expect(incomplete(board, 'b')).toEqual(['not ranked: no result of square']);
    const three = boardOf({ a: { clean: '11', pgd: '11', square: '11' }, b: { clean: '11', pgd: '11' }, c: { clean: '11', pgd: '10' } });
    expect(summary(three).map(([, rank]) => rank)).toEqual(['1–3', '1–3', '1–3']);
  });

  it('orders by worst case, then by name', () => {
    const board = boardOf({ z: { clean: '11', pgd: '11' }, b: { clean: '11', pgd: '10' }, a: { clean: '11', pgd: '01' } });
    expect(board.rows.map((r) => r.model.name)).toEqual(['z', 'a', 'b']);
  });
});

describe('the cost ratio', () => {
  it('is against an undefended model of the same number of training images', () => {
    const cost = (forward: number) => ({
      ...(syntheticRecords({ models: 1, n: 1 })[0] as ModelRecord).cost,
      passes: { forward, backward: 0 },
    });
    const made: Record<string, { forward: number; train: number; role?: 'baseline' }> = {
      small: { forward: 10, train: 100, role: 'baseline' },
      plain: { forward: 100, train: 1000, role: 'baseline' },
      trades: { forward: 1200, train: 1000 },
      other: { forward: 1200, train: 500 },
    };
    const attacked = Object.fromEntries(Object.keys(made).map((name) => [name, { clean: '1', pgd: '1' }]));
    const board = boardOf(attacked, (model) => {
      const { forward, train, role } = made[model.name] as (typeof made)[string];
      const { role: _, ...defense } = model.defense;
      return { dataset: { ...model.dataset, train }, cost: cost(forward), defense: { ...defense, ...(role && { role }) } };
    });
    expect(Object.fromEntries(board.rows.map((r) => [r.model.name, r.ratio?.passes]))).toEqual({
      small: 1,
      plain: 1,
      trades: 12,
      other: undefined,
    });
  });
});

describe('the order of the columns', () => {
  it('is no attack, baselines, single attacks from weak to strong, ensembles', () => {
    const [board] = buildView(syntheticRecords({ attacks: ['autoattack', 'pgd', 'square', 'noise', 'transfer', 'fgsm'] })).boards;
    expect(board?.attacks.map((a) => a.label)).toEqual(['clean', 'noise', 'transfer', 'square', 'fgsm', 'pgd', 'autoattack']);
  });
});

describe('the gap between the strongest single attack and the ensemble', () => {
  it('is taken on the images that all of them saw', () => {
    const board = boardOf({ a: { clean: '11111', fgsm: '11100', pgd: '01101', autoattack: { robust: '010', indices: [0, 1, 4] } } });
    // on images 0, 1 and 4: FGSM leaves 2, PGD 2, AutoAttack 1
    expect(board.rows[0]?.gap).toBeCloseTo(1 / 3, 12);
  });
});

describe('an attack without a radius', () => {
  const free = (records: RampartRecord[]) =>
    records.map((r) =>
      r.kind === 'cell' && r.attack.label === 'square'
        ? {
            ...r,
            attack: { ...r.attack, bounded: false as const },
            outcomes: { ...r.outcomes, distances: [...r.outcomes.robust].map((c, i) => (c === '0' ? 0.02 * (i + 1) : 0)) },
          }
        : r,
    );
  const board = boardOf(
    { a: { clean: '1111', pgd: '1110', square: '0001' }, b: { clean: '1111', pgd: '1100', square: '1111' } },
    undefined,
    free,
  );

  it('breaks nothing of a worst case, makes no rank and no gap', () => {
    expect(summary(board)).toEqual([
      ['a', '1–2', '3 of 4'],
      ['b', '1–2', '2 of 4'],
    ]);
    expect(board.rows[0]?.worst?.attacks).toBe(1);
    const without = boardOf({ a: { clean: '1111', pgd: '1110' }, b: { clean: '1111', pgd: '1100', square: '1111' } }, undefined, free);
    expect(summary(without)).toEqual(summary(board));
  });

  it('says so in its column, with the distance of its errors and what is left inside of the ball', () => {
    const columns = boardColumns(board, true);
    const [a] = board.rows;
    const of = (key: string) => columns.find((c) => c.key === key);
    expect(of('square')).toMatchObject({ title: 'square (no radius)', help: expect.stringContaining('it is in no worst case') });
    expect(a && of('square')?.note?.(a, board)).toBe('at 0.0400');
    expect(a && [of('square')?.value(a), of('square_distance')?.value(a), of('square_inside')?.value(a)]).toEqual([0.25, 0.04, 0.75]);
    expect(of('pgd_inside')).toBeUndefined();
  });
});
