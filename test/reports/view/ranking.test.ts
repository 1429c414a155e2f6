/** Ranks and ties, by hand. */
import { describe, expect, it } from 'vitest';
import { mcnemar } from '../../../records/stats.ts';
import { paretoFront } from '../../../reports/charts/cost.ts';
import { rank } from '../../../reports/view/ranking.ts';

const bits = (n: number, right: (i: number) => boolean) => Array.from({ length: n }, (_, i) => (right(i) ? '1' : '0')).join('');

describe('rank', () => {
  it('counts discordant pairs beyond one machine word and on the shared examples only', () => {
    const a = bits(100, (i) => i < 60);
    const b = bits(70, (i) => i >= 10 && i < 64);
    const [pair] = rank([{ outcomes: a }, { outcomes: b }]).pairs;
    expect(pair).toMatchObject({ n: 70, onlyI: 10, onlyJ: 4, p: mcnemar(10, 4).exact });
  });

  it('separates what differs, ties what does not, and leaves a gap after ties', () => {
    const best = bits(200, (i) => i < 120);
    const near = bits(200, (i) => i < 119 || i === 150);
    const worse = bits(200, (i) => i < 60);
    const { ranks } = rank([{ outcomes: best }, { outcomes: near }, { outcomes: worse }]);
    expect(ranks).toEqual([1, 1, 3]);
  });

  it('corrects for the number of pairs: a difference of p 0.03 separates two models, not three', () => {
    // 5 against 15 discordant of 20: exact p 0.0414; times 3 pairs it is above 5 %.
    const a = bits(100, (i) => i < 55);
    const b = bits(100, (i) => (i >= 15 && i < 55) || (i >= 90 && i < 95));
    expect(mcnemar(15, 5).exact).toBeCloseTo(0.0414, 4);
    expect(rank([{ outcomes: a }, { outcomes: b }]).ranks).toEqual([1, 2]);
    expect(rank([{ outcomes: a }, { outcomes: b }, { outcomes: a }]).ranks).toEqual([1, 1, 1]);
  });

  it('of one model is 1 and of none is nothing', () => {
    expect(rank([{ outcomes: '101' }])).toEqual({ ranks: [1], pairs: [] });
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
