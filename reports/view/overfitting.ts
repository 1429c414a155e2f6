/** Robust overfitting (Rice, Wong and Kolter 2020, arXiv 2002.11569): the best epoch of a training against its final one, image by image. */
import type { CellRecord } from '../../records/record.ts';
import { mcnemar, pairedDifference } from '../../records/stats.ts';
import { commonImages, outcomesOn } from './images.ts';
import type { AttackView, Difference, Overfitting, Row, WorstCase } from './view.ts';
import { isDone } from './view.ts';
import { worstCase } from './worst-case.ts';

type Half = Pick<Row, 'model' | 'cells' | 'worst'>;

/** Of rows of the best and the final epoch of one training. Undefined where no image has a result of both. */
export function overfitting(best: Half, last: Half, attacks: readonly AttackView[]): Overfitting | undefined {
  const both = attacks.flatMap((attack) => {
    const cells = [best, last].map((half) => half.cells.get(attack.id)).filter(isDone);
    return cells.length === 2 ? [{ attack, cells: cells as [CellRecord, CellRecord] }] : [];
  });
  const byAttack = both.flatMap(({ attack, cells }) => {
    const images = commonImages(cells);
    const [a, b] = cells.map((cell) => outcomesOn(images, cell)) as [string, string];
    return images.length > 0 ? [{ attack, difference: differenceOf(a, b) }] : [];
  });
  if (byAttack.length === 0) return undefined;
  const images = sharedImages(best.worst, last.worst);
  const known = new Set(both.map(({ attack }) => attack.id));
  // an attack that only one of the two was put to would count as a difference of the two
  const [a, b] = [best, last].map(({ cells }) => worstCase(new Map([...cells].filter(([id]) => known.has(id))), images));
  return { best: best.model, last: last.model, byAttack, worst: a && b && differenceOf(a.outcomes, b.outcomes) };
}

function sharedImages(a: WorstCase | undefined, b: WorstCase | undefined): number[] {
  const have = new Set(b?.images);
  return (a?.images ?? []).filter((image) => have.has(image));
}

function differenceOf(best: string, last: string): Difference {
  const n = best.length;
  const count = (own: string, other: string) => [...own].filter((c, i) => c === '1' && other[i] !== '1').length;
  const right = (outcomes: string) => outcomes.split('1').length - 1;
  const [onlyBest, onlyLast] = [count(best, last), count(last, best)];
  return {
    n,
    best: right(best) / n,
    last: right(last) / n,
    onlyBest,
    onlyLast,
    value: (onlyBest - onlyLast) / n,
    interval: pairedDifference(onlyBest, onlyLast, n),
    p: mcnemar(onlyBest, onlyLast),
  };
}
