/** The spread of an attack over its own random numbers, and what its runs broke together. */

import type { CellRecord } from '../../records/record.ts';
import { canonical, firstLabel } from '../../records/slug.ts';
import { mean, standardDeviation } from '../../records/stats.ts';
import { commonImages, outcomesOn } from './images.ts';
import { type AttackView, type Board, isDone, type ModelView } from './view.ts';

/** The runs of one attack on one model, on the images that all of them saw. */
export interface Draws {
  readonly model: ModelView;
  readonly count: number;
  readonly n: number;
  /** Robust accuracies, run by run, from the first on. */
  readonly accuracies: readonly number[];
  readonly mean: number;
  /** Standard deviation of one run, with n - 1. */
  readonly deviation: number;
  /** Robust accuracy where an image counts as broken that any run broke. */
  readonly union: number;
}

const familyOf = ({ label, draw, name, version, params, budget = 0 }: CellRecord['attack']) =>
  canonical([firstLabel(label, draw), name, version, params, budget]);

/** A row for each model of the board on which `attack` ran more than once with other random numbers; none for one that is no first run. */
export function drawsOf(attack: AttackView, board: Board): Draws[] {
  if (attack.attack.draw !== undefined) return [];
  const family = board.attacks.filter((other) => familyOf(other.attack) === familyOf(attack.attack));
  const runs = [...family].sort((a, b) => (a.attack.draw ?? 0) - (b.attack.draw ?? 0));
  return board.rows.flatMap((row) => {
    const cells = runs.map(({ id }) => row.cells.get(id)).filter(isDone);
    if (cells.length < 2) return [];
    const images = commonImages(cells);
    const outcomes = cells.map((cell) => outcomesOn(images, cell));
    const share = (right: (i: number) => boolean) => images.filter((_, i) => right(i)).length / images.length;
    const accuracies = outcomes.map((o) => share((i) => o[i] === '1'));
    return {
      model: row.model,
      count: cells.length,
      n: images.length,
      accuracies,
      mean: mean(accuracies),
      deviation: standardDeviation(accuracies),
      union: share((i) => outcomes.every((o) => o[i] === '1')),
    };
  });
}
