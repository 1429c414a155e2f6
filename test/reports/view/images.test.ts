/** Outcomes are joined on the index of the image in the test set. */
import { describe, expect, it } from 'vitest';
import type { CellRecord } from '../../../records/record.ts';
import { allImages, commonImages, labelsOn, outcomesOn, rightOn } from '../../../reports/view/images.ts';

const cell = (robust: string, indices?: number[]): CellRecord =>
  ({
    n: robust.length,
    ...(indices && { indices }),
    outcomes: { robust, labels: [...robust].map((_, i) => (indices?.[i] ?? i) % 10) },
  }) as CellRecord;

const first = cell('10110');
const chosen = cell('011', [7, 3, 1]);

describe('the images of cells', () => {
  it('together are all, each once, ascending', () => expect(allImages([first, chosen])).toEqual([0, 1, 2, 3, 4, 7]));
  it('in common are those that every cell saw', () => {
    expect(commonImages([first, chosen])).toEqual([1, 3]);
    expect(commonImages([first])).toEqual([0, 1, 2, 3, 4]);
    expect(commonImages([first, cell('1', [9])])).toEqual([]);
  });
});

describe('outcomes on images', () => {
  it('are found by the index of the image, not by the place in the list', () => {
    expect(outcomesOn([1, 3, 7], chosen)).toBe('110');
    expect(outcomesOn([1, 3, 7], first)).toBe('01-');
  });
  it('of the first images are the start of the list, with a dash for those that the cell did not see', () =>
    expect(outcomesOn([0, 1, 2, 3, 4, 5], first)).toBe('10110-'));
  it('are counted where they are right', () => expect([rightOn([1, 3, 7], chosen), rightOn([0, 1, 2, 9], first)]).toEqual([2, 2]));
  it('have the labels of any cell that saw the image', () => {
    expect(labelsOn([0, 1, 2], [chosen, first])).toEqual([0, 1, 2]);
    expect(labelsOn([4, 7, 8], [chosen, first])).toEqual([4, 7, -1]);
  });
});
