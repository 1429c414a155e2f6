/** What the page says that compute buys: with one seed and three, with one defense, and where nothing can be told apart. */
import { expect, test } from 'vitest';
import { compareDefenses } from '../../../../reports/view/seeds/compare.ts';
import type { DefenseRow } from '../../../../reports/view/view.ts';
import { computeBuys } from '../../../../reports/view/worth/answer.ts';

const N = 1000;

/** Right on the first so many of 1,000 images. */
const right = (count: number) => '1'.repeat(count) + '0'.repeat(N - count);

/** Defenses by name: what they cost, and how many of 1,000 images each seed withstands. The most robust stand first. */
function boardOf(defenses: Record<string, { cost: number | undefined; seeds: number[] }>) {
  const all = Object.entries(defenses);
  const { pairs } = compareDefenses(all.map(([, { seeds }]) => new Map(seeds.map((count, seed) => [seed, right(count)]))));
  return { defenses: all.map(([name, { cost }]) => ({ name, ratio: cost }) as DefenseRow), defensePairs: pairs };
}
const said = (defenses: Parameters<typeof boardOf>[0]) => computeBuys(boardOf(defenses)).join(' ');

test('three seeds: the cheapest of what cannot be told apart, what twice its training buys, and what half of it gives', () => {
  const steady = (count: number) => [count - 1, count, count + 1];
  const text = said({
    trades: { cost: 12, seeds: [492, 500, 508] },
    'pgd-at': { cost: 8, seeds: [489, 497, 499] },
    'fgsm-rs': { cost: 4, seeds: [501, 488, 496] },
    weak: { cost: 2, seeds: steady(100) },
    standard: { cost: 1, seeds: [0, 0, 0] },
  });
  expect(text).toBe(
    'The cheapest way to its robustness, as far as can be told, is fgsm-rs at 4 × the undefended training: 0.5 [−1.1 to 2.1] points behind. ' +
      'Up to twice its training buys nothing that can be told apart: pgd-at at 8 ×, level, 0.0 [−1.4 to 1.4] points. ' +
      'For half or less: weak at 2 ×, 39.5 [36.3 to 42.7] points behind.',
  );
});

test('one seed: the same on images alone', () => {
  expect(said({ trades: { cost: 12, seeds: [505] }, 'pgd-at': { cost: 8, seeds: [500] }, standard: { cost: 1, seeds: [0] } })).toMatch(
    /^The cheapest way to its robustness, as far as can be told, is pgd-at at 8 × .*: 0\.5 \[0\.\d to 0\.\d\] points behind\. Up to twice its training buys nothing .*: trades at 12 ×, 0\.5 \[.*\] points ahead\. For half or less: standard at 1 ×, 50\.0 \[.*\] points behind\.$/,
  );
});

test('what is told apart buys more, or less', () => {
  const far = { 'pgd-at': { cost: 8, seeds: [500] }, 'fgsm-rs': { cost: 4, seeds: [400] }, free: { cost: 6, seeds: [300] } };
  // the most robust is its own cheapest here, and nothing is dearer
  expect(said(far)).toBe('Nothing here costs more. For half or less: fgsm-rs at 4 ×, 10.0 [8.1 to 11.9] points behind.');
  const { 'pgd-at': best, ...others } = far;
  expect(said({ ...others, 'fgsm-rs': { cost: 4, seeds: [400] }, free: { cost: 6, seeds: [300] } })).toMatch(
    /^Up to twice its training buys less: free at 6 ×, 10\.0 \[8\.1 to 11\.9\] points behind\.$/,
  );
  expect(best.cost).toBe(8);
});

test('one defense: there is nothing to weigh', () => {
  expect(said({ 'pgd-at': { cost: 8, seeds: [480, 500, 520] } })).toBe(
    'It is the only defense here: there is nothing to weigh its cost against.',
  );
});

test('where nothing can be told apart it says so, and the best may be the cheapest itself', () => {
  expect(said({ free: { cost: 2, seeds: [300, 500, 400] }, trades: { cost: 12, seeds: [500, 250, 440] } })).toBe(
    'It is the cheapest of these. The two defenses cannot be told apart. Twice its training was not tried; trades at 12 ×: 0.3 [−56.3 to 57.0] points behind.',
  );
});

test('nothing is said of what was not trained here', () => {
  expect(said({ downloaded: { cost: undefined, seeds: [500] }, other: { cost: undefined, seeds: [400] } })).toBe('');
  expect(said({})).toBe('');
});
