/** Boards of several seeds: what is compared, how it is paired, and what the page says of it. */
import { describe, expect, test } from 'vitest';
import { coverageOf } from '../../../../bench/coverage.ts';
import type { RampartRecord } from '../../../../records/record.ts';
import { mcnemar } from '../../../../records/stats.ts';
import { buildSite } from '../../../../reports/site.ts';
import { buildView } from '../../../../reports/view/leaderboard.ts';
import { rankText } from '../../../../reports/view/ranking.ts';
import { answerOf } from '../../../../reports/view/seeds/answer.ts';
import { compareDefenses } from '../../../../reports/view/seeds/compare.ts';
import { moderated, priorOf } from '../../../../reports/view/seeds/moderate.ts';
import { nameWithoutSeed, pairOf } from '../../../../reports/view/seeds/rows.ts';
import { defenseTable } from '../../../../reports/view/seeds/tables.ts';
import type { Board } from '../../../../reports/view/view.ts';
import { Rng } from '../../../../tensor/rng.ts';
import { syntheticRecords } from '../../synthetic.ts';

const boardOf = (records: readonly RampartRecord[]) => buildView(records).boards[0] as Board;
const bits = (n: number, right: (i: number) => boolean) => Array.from({ length: n }, (_, i) => (right(i) ? '1' : '0')).join('');
const seeds = (...outcomes: string[]) => new Map(outcomes.map((o, s) => [s, o]));

test('a row is a defense, with the trainings of its seeds inside', () => {
  const board = boardOf(syntheticRecords({ models: 18, n: 300, seeds: 3 }));
  expect(board.rows).toHaveLength(18);
  expect(board.defenses.map((d) => d.rows.map((r) => r.model.record.seed))).toEqual(Array.from({ length: 6 }, () => [0, 1, 2]));
  for (const { name, rows, accuracy, seeds: spread } of board.defenses) {
    expect(name).not.toMatch(/seed/);
    const all = rows.map((r) => r.worst?.accuracy ?? 0);
    expect(accuracy).toBeCloseTo(all.reduce((a, b) => a + b, 0) / 3, 12);
    expect(spread?.range).toEqual([Math.min(...all), Math.max(...all)]);
  }
  expect(board.defensePairs).toHaveLength(15);
});

test('a defense of one seed is compared on images alone, and says so', () => {
  const records = syntheticRecords({ models: 6, n: 300, seeds: 3 }).filter((r) => !JSON.stringify(r).includes('pgd-at (seed 1)'));
  const board = boardOf(records.filter((r) => !JSON.stringify(r).includes('pgd-at (seed 2)')));
  const one = board.defenses.find(({ rows }) => rows.length === 1);
  expect(one?.interval).toEqual(one?.rows[0]?.worst?.interval);
  expect(board.defensePairs.map((p) => p.seeds)).toEqual([1]);
  expect(defenseTable(board).rows.map((r) => r[6])).toContain('1 seed: images only');
});

test('one seed against one is the exact McNemar test', () => {
  const [a, b] = [bits(100, (i) => i < 60), bits(100, (i) => i >= 10 && i < 55)];
  const { pairs } = compareDefenses([seeds(a), seeds(b)]);
  expect(pairs[0]).toMatchObject({ seeds: 1, p: mcnemar(15, 0) });
  expect(pairs[0]?.difference).toBeCloseTo(0.15, 12);
});

test('what moves both at a seed is not between them: pairs are of the same seed', () => {
  const n = 1000;
  const at = (right: number) => bits(n, (i) => i < right);
  const a = seeds(at(700), at(500), at(600));
  const paired = compareDefenses([a, seeds(at(650), at(450), at(550))]).pairs[0];
  const crossed = compareDefenses([a, seeds(at(550), at(650), at(450))]).pairs[0];
  expect(paired?.difference).toBeCloseTo(crossed?.difference ?? 0, 12);
  expect(paired?.interval[0]).toBeGreaterThan(0);
  expect(crossed?.interval[0]).toBeLessThan(0);
});

test('seeds that only one of them has are no pair, but as good as any other draw', () => {
  const at = (right: number) => bits(100, (i) => i < right);
  const a = new Map([
    [0, at(60)],
    [1, at(62)],
  ]);
  const b = new Map([
    [1, at(50)],
    [7, at(53)],
    [8, at(54)],
  ]);
  const { pairs } = compareDefenses([a, b]);
  // 62 - 50 at seed 1, and 60 - 53
  expect(pairs[0]).toMatchObject({ seeds: 2 });
  expect(pairs[0]?.difference).toBeCloseTo(0.095, 12);
});

test('three seeds that scatter more than defenses differ separate nothing; those that do not, do', () => {
  const rng = new Rng('scatter');
  const draw = (mean: number, scatter: number) => seeds(...[-1, 0, 1].map((s) => bits(1000, () => rng.next() < mean + s * scatter)));
  const wide = compareDefenses([draw(0.62, 0.1), draw(0.55, -0.1), draw(0.05, 0)]);
  expect(wide.ranks.map(rankText).slice(0, 2)).toEqual(['1–2', '1–2']);
  const narrow = compareDefenses([draw(0.62, 0.001), draw(0.4, 0.001)]);
  expect(narrow.ranks.map(rankText)).toEqual(['1', '2']);
});

describe('variances that learn from each other', () => {
  test('alike ones have a prior of their own value and many degrees of freedom', () => {
    const prior = priorOf(Array.from({ length: 40 }, () => ({ value: 4, freedom: 2 })));
    expect(prior.freedom).toBe(Number.POSITIVE_INFINITY);
    // E log(chi2(2)/2) is minus Euler's constant
    expect(prior.value).toBeCloseTo(4 * Math.exp(0.5772156649), 6);
  });

  test('draws of an inverse chi-squared prior give it back', () => {
    const rng = new Rng('prior');
    const chi2 = (df: number) => Array.from({ length: df }, () => rng.gauss() ** 2).reduce((a, b) => a + b, 0);
    const drawn = Array.from({ length: 20_000 }, () => ({ value: ((3 * 6) / chi2(6)) * (chi2(2) / 2), freedom: 2 }));
    const { value, freedom } = priorOf(drawn);
    expect(value).toBeGreaterThan(2.8);
    expect(value).toBeLessThan(3.2);
    expect(freedom).toBeGreaterThan(5);
    expect(freedom).toBeLessThan(7.2);
  });

  test('few of them are left alone, and the others add two degrees of freedom at most', () => {
    const some = [1, 5, 2].map((value) => ({ value, freedom: 2 }));
    expect(moderated(some)).toEqual(some);
    const many = Array.from({ length: 20 }, (_, i) => ({ value: i === 0 ? 0.001 : 1, freedom: 2 }));
    const [small] = moderated(many);
    expect(small?.freedom).toBeLessThanOrEqual(4);
    expect(small?.value).toBeGreaterThan(0.001);
  });
});

test('the answer names what can be told apart', () => {
  const board = boardOf(syntheticRecords({ models: 18, n: 500, seeds: 3 }));
  const answer = answerOf(board);
  const next = board.defenses.findIndex(({ name }) => name === answer?.next?.name);
  expect(pairOf(board.defensePairs, 0, next)?.adjusted).toBeLessThanOrEqual(0.05);
});

test('the page shows defenses above trainings where there are seeds; where there are none it says what the intervals leave out', async () => {
  const text = async (records: RampartRecord[]) => ((await buildSite(records)).get('index.html') ?? '').toString();
  const several = await text(syntheticRecords({ models: 6, n: 60, seeds: 3 }));
  expect(several).toContain('<h2>Defenses</h2>');
  expect(several.indexOf('id="defenses"')).toBeLessThan(several.indexOf('id="board"'));
  // the answer is one click from its evidence
  expect(several).toMatch(/<p class="headline">Most robust[^<]*: <a href="models\/[^"]+\.html#seeds"><bdi>[^<]+<\/bdi><\/a>, <strong>/);
  const alone = await text(syntheticRecords({ models: 4, n: 60 }));
  expect(alone).not.toContain('<h2>Defenses</h2>');
  expect(alone).toContain('one seed each: intervals and ranks are over test images alone');
});

test('what a training costs stands in the table to a tenth of the undefended one', () => {
  const board = boardOf(syntheticRecords({ models: 6, n: 60, seeds: 3 }));
  const defenses = board.defenses.map((d) => ({ ...d, ratio: 3.0042 }));
  const { columns, rows } = defenseTable({ ...board, defenses });
  expect(new Set(rows.map((row) => row[columns.findIndex((c) => c.key === 'training_ratio')]))).toEqual(new Set([3]));
});

test('0.031 and 8/255 are two tables, and each warns of the other', async () => {
  const threats = [0.031, 8 / 255, 4 / 255].map((eps) => ({ norm: 'Linf', eps }) as const);
  const site = await buildSite(syntheticRecords({ models: 2, n: 20, threats }));
  const pages = site.paths().filter((path) => String(site.get(path)).includes('id="board"'));
  const warnings = pages.map((path) => /<a href="[^"]*"><bdi>([^<]*)<\/bdi><\/a> cannot be compared/.exec(String(site.get(path)))?.[1]);
  expect(warnings.filter(Boolean).sort()).toEqual(['cifar10, Linf 0.031', 'cifar10, Linf 8/255']);
  expect(pages).toHaveLength(3);
});

test('names lose their seed and nothing else', () => {
  expect(
    ['trades (seed 1)', 'trades resnet-tiny (seed 12)', 'jpeg on trades (seed 0)', 'trades (seed 1) (last)', 'seed 3'].map(nameWithoutSeed),
  ).toEqual(['trades', 'trades resnet-tiny', 'jpeg on trades', 'trades (last)', 'seed 3']);
});

test('on boards whose truth is known, intervals hold it 19 times in 20, and hardly a board has a false separation', {
  timeout: 60_000,
}, () => {
  const world = { name: 'small', defenses: 5, seeds: 3, images: 200, truth: () => 0.6, scatter: () => 0.1 };
  const c = coverageOf(world, 60, 'coverage');
  // 300 intervals: 95 % and three standard errors
  expect(c.accuracies).toBeGreaterThan(0.91);
  expect(c.accuracies).toBeLessThan(0.99);
  expect(c.differences).toBeGreaterThan(0.91);
  expect(c.falseBoards).toBeLessThanOrEqual(0.1);
});
