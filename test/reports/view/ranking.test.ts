/** Ranks and ties, by hand. */
import { describe, expect, it } from 'vitest';
import { mcnemar } from '../../../records/stats.ts';
import { paretoFront } from '../../../reports/charts/cost.ts';
import { rank, rankText } from '../../../reports/view/ranking.ts';

const bits = (n: number, right: (i: number) => boolean) => Array.from({ length: n }, (_, i) => (right(i) ? '1' : '0')).join('');

describe('rank', () => {
  it('counts discordant pairs beyond one machine word', () => {
    // in the third word, which is not full: 65 of the first alone, 66 of both, 67 and 68 of the second alone
    const a = bits(70, (i) => i < 60 || i === 65 || i === 66);
    const b = bits(70, (i) => (i >= 10 && i < 64) || (i >= 66 && i < 69));
    const [pair] = rank([a, b]).pairs;
    expect(pair).toMatchObject({ n: 70, onlyI: 11, onlyJ: 6, p: mcnemar(11, 6) });
  });

  it('refuses outcomes of different numbers of images', () => {
    expect(() => rank(['110', '11'])).toThrow('[rank] expected outcomes of the same images for every model, got 3 and 2 images');
  });

  it('separates what differs and leaves the places of what does not open', () => {
    const best = bits(200, (i) => i < 120);
    const near = bits(200, (i) => i < 119 || i === 150);
    const worse = bits(200, (i) => i < 60);
    expect(rank([best, near, worse]).ranks.map(rankText)).toEqual(['1–2', '1–2', '3']);
  });

  it('separates no neighbours that their test does not: nested outcomes of 120, 114 and 108 of 200', () => {
    const nested = [120, 114, 108].map((k) => bits(200, (i) => i < k));
    const { ranks, pairs } = rank(nested);
    // 6 and 6 discordant images, one-sided: p 1/32, twice that after Holm; 12: p 1/2048
    expect(pairs.map((p) => p.adjusted)).toEqual([expect.closeTo(1 / 16, 12), expect.closeTo(3 / 2048, 12), expect.closeTo(1 / 16, 12)]);
    expect(ranks.map(rankText)).toEqual(['1–2', '1–3', '2–3']);
  });

  it('never says that a less accurate model is better than one that it is not separated from', () => {
    // 130, 122 and 121 of 200; the second errs on other images than the first (33 and 25), the third on 9 of the first one's alone
    const outcomes = [bits(200, (i) => i < 130), bits(200, (i) => i < 97 || i >= 175), bits(200, (i) => i < 121)];
    const { ranks, pairs } = rank(outcomes);
    expect(outcomes.map((o) => o.split('1').length - 1)).toEqual([130, 122, 121]);
    expect(pairs.map((p) => [p.onlyI, p.onlyJ])).toEqual([
      [33, 25],
      [9, 0],
      [25, 24],
    ]);
    expect(ranks.map(rankText)).toEqual(['1–2', '1–3', '2–3']);
  });

  it('corrects for the number of pairs: a difference of p 0.04 separates two models, not three', () => {
    // 5 against 15 discordant of 20: exact p 0.0414; times 3 pairs it is above 5 %.
    const a = bits(100, (i) => i < 55);
    const b = bits(100, (i) => (i >= 15 && i < 55) || (i >= 90 && i < 95));
    expect(mcnemar(15, 5)).toBeCloseTo(0.0414, 4);
    expect(rank([a, b]).ranks.map(rankText)).toEqual(['1', '2']);
    expect(rank([a, b, a]).ranks.map(rankText)).toEqual(['1–3', '1–3', '1–3']);
  });

  it('of one model is 1 and of none is nothing', () => {
    expect(rank(['101'])).toEqual({ ranks: [{ best: 1, worst: 1 }], pairs: [] });
    expect(rank([])).toEqual({ ranks: [], pairs: [] });
  });
});

describe('paretoFront', () => {
  it('keeps what no other beats in cost and accuracy', () => {
    const points = [
      { cost: 2, accuracy: 0.1 },
      { cost: 1, accuracy: 0.2 },
      { cost: 4, accuracy: 0.5 },
      { cost: 4, accuracy: 0.4 },
      { cost: 9, accuracy: 0.5 },
      { cost: 8, accuracy: 0.6 },
    ];
    expect(paretoFront(points).map((p) => [p.cost, p.accuracy])).toEqual([
      [1, 0.2],
      [4, 0.5],
      [8, 0.6],
    ]);
  });
});
