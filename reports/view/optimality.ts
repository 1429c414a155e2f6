/** How near to the best an attack came, whatever the radius: from the nearest errors of its images. */

import type { CellRecord } from '../../records/record.ts';
import { mean } from '../../records/stats.ts';
import { commonImages, placesIn } from './images.ts';
import { type AttackView, type Board, isBounded, isDone, type ModelView, type Row } from './view.ts';

/** Whether it is known how near its nearest errors are, beyond its radius too. */
export const hasNearest = (cell: CellRecord | undefined): cell is CellRecord =>
  isDone(cell) && (cell.outcomes.nearest !== undefined || !isBounded(cell));

/** The distance of the nearest error of each image: 0 where the image itself is one, infinite where none was found. */
export function nearestOn(images: readonly number[], cell: CellRecord): number[] {
  const { nearest, robust, distances } = cell.outcomes;
  const place = placesIn(cell);
  const found = nearest?.found ?? robust.replace(/[01]/g, (right) => (right === '1' ? '0' : '1'));
  const away = nearest?.distances ?? distances;
  return images.map((image) => (found.charAt(place(image)) === '1' ? (away[place(image)] as number) : Number.POSITIVE_INFINITY));
}

/** Robust accuracy against the radius: from the clean accuracy at 0, the share of images whose nearest error is farther. Radii ascend. */
export function accuracyCurve(nearest: readonly number[]): [number, number][] {
  const finite = [...new Set(nearest.filter((d) => Number.isFinite(d) && d > 0))].sort((a, b) => a - b);
  const farther = (radius: number) => nearest.filter((d) => d > radius).length / nearest.length;
  return nearest.length === 0 ? [] : [0, ...finite].map((radius) => [radius, farther(radius)]);
}

/**
 * Local optimality of an attack on one model, Cinà et al. 2025 (AttackBench, arXiv 2404.19460): 1 where its curve of robust accuracy is the
 * best that all attacks together make, 0 where it is the flat one of an attack that finds nothing. Areas go up to the radius at which the
 * best curve has fallen as far as it does; that under a staircase is the mean of the distances, cut there. Undefined where no attack found anything.
 */
export function localOptimality(own: readonly number[], best: readonly number[]): number | undefined {
  const finite = best.filter(Number.isFinite);
  const last = Math.max(0, ...finite);
  const area = (distances: readonly number[]) => mean(distances.map((d) => Math.min(d, last)));
  const flat = (last * best.filter((d) => d > 0).length) / best.length;
  const room = flat - area(best);
  return room > 0 ? 1 - (area(own) - area(best)) / room : undefined;
}

/** What one attack found on one model. */
export interface Found {
  readonly model: ModelView;
  readonly images: number;
  /** Images right at first for which it found an error, at any distance. */
  readonly found: number;
  /** Of the images right at first, those without an error counted as infinitely far; undefined where that is the median. */
  readonly median: number | undefined;
  /** On the images that all attacks saw whose distances are known; undefined where it is the only one. */
  readonly local: number | undefined;
  readonly curve: readonly [number, number][];
}

/** What an attack found on a model; undefined where its distances are not known. */
export function foundBy(attack: AttackView, row: Row): Found | undefined {
  const own = row.cells.get(attack.id);
  if (!hasNearest(own)) return undefined;
  const all = [...row.cells.values()].filter(hasNearest);
  const common = commonImages(all);
  const distances = all.map((cell) => nearestOn(common, cell));
  const best = common.map((_, i) => Math.min(...distances.map((d) => d[i] as number)));
  const nearest = nearestOn(commonImages([own]), own);
  const right = nearest.filter((d) => d > 0).sort((a, b) => a - b);
  const median = right[Math.floor((right.length - 1) / 2)];
  return {
    model: row.model,
    images: nearest.length,
    found: right.filter(Number.isFinite).length,
    median: median !== undefined && Number.isFinite(median) ? median : undefined,
    local: all.length > 1 ? localOptimality(nearestOn(common, own), best) : undefined,
    curve: accuracyCurve(nearest),
  };
}

/** Global optimality: the mean of an attack's local ones over the models of a board; undefined without any. */
export function globalOptimality(attack: AttackView, { rows }: Board): number | undefined {
  const locals = rows.flatMap((row) => foundBy(attack, row)?.local ?? []);
  return locals.length > 0 ? mean(locals) : undefined;
}
