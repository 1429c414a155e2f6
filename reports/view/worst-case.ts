/** Worst cases over attacks, image by image, and the images on which models are compared. */
import type { CellRecord } from '../../records/record.ts';
import { wilson } from '../../records/stats.ts';
import { commonImages, isRight, placesIn, rightOn } from './images.ts';
import { type AttackView, isBounded, isClean, isDone, type WorstCase } from './view.ts';

/** What a model must have passed to be ranked: the attacks that at least half of the board's models finished, transfer aside (a source is not attacked with itself). */
export function requiredAttacks(attacks: readonly AttackView[], rows: readonly ReadonlyMap<string, CellRecord>[]): AttackView[] {
  const attacked = rows.filter((cells) => [...cells.values()].some((c) => c.status === 'done'));
  return attacks.filter((a) => {
    const done = attacked.filter((cells) => cells.get(a.id)?.status === 'done').length;
    return isBounded(a) && a.attack.access !== 'transfer' && done > 0 && done * 2 >= attacked.length;
  });
}

/** The images that a model's worst case can rest on: those that every attack of `required` saw (every attack, where it finished none of them), and no attack too. */
export function attackedImages(cells: ReadonlyMap<string, CellRecord>, required: ReadonlySet<string>): number[] {
  const done = [...cells].filter(([, cell]) => isDone(cell) && isBounded(cell));
  const attacks = done.filter(([, cell]) => !isClean(cell));
  if (attacks.length === 0) return [];
  const needed = attacks.filter(([id]) => required.has(id));
  const clean = done.filter(([, cell]) => isClean(cell));
  return commonImages([...(needed.length > 0 ? needed : attacks), ...clean].map(([, cell]) => cell));
}

/** Right under every finished attack inside of the ball that saw the image: never above the accuracy of one of them on the images that both have. Images that counterexamples have `broken` are so. Undefined of no images. */
export function worstCase(
  cells: ReadonlyMap<string, CellRecord>,
  images: readonly number[],
  broken: ReadonlySet<number> = new Set(),
): WorstCase | undefined {
  const n = images.length;
  if (n === 0) return undefined;
  const done = [...cells.values()].filter(isDone).filter(isBounded);
  const all = done.map((cell) => ({ cell, place: placesIn(cell) }));
  const robust = (image: number) => !broken.has(image) && all.every(({ cell, place }) => place(image) < 0 || isRight(cell, place(image)));
  const outcomes = images.map((image) => (robust(image) ? '1' : '0')).join('');
  const k = [...outcomes].filter((c) => c === '1').length;
  const clean = done.find(isClean);
  return {
    k,
    n,
    accuracy: k / n,
    interval: wilson(k, n),
    images,
    outcomes,
    attacks: done.filter((cell) => !isClean(cell)).length,
    clean: clean && rightOn(images, clean) / n,
  };
}

/** The images that most of the models have; the larger of two sets that equally many have. */
export function usualImages(sets: readonly (readonly number[])[]): readonly number[] {
  const groups = new Map<string, { images: readonly number[]; models: number }>();
  for (const images of sets) {
    const key = nameOf(images);
    groups.set(key, { images, models: (groups.get(key)?.models ?? 0) + 1 });
  }
  const order = [...groups].sort(([x, a], [y, b]) => b.models - a.models || b.images.length - a.images.length || (x < y ? -1 : 1));
  return order[0]?.[1].images ?? [];
}

/** Short for a run of images, which most sets are. */
function nameOf(images: readonly number[]): string {
  const [first = 0, last = -1] = [images[0], images[images.length - 1]];
  return last - first + 1 === images.length ? `${first} to ${last}` : images.join();
}

/** How many of `wanted` are not among `images`. */
export function lacking(images: readonly number[], wanted: readonly number[]): number {
  const have = new Set(images);
  return wanted.filter((image) => !have.has(image)).length;
}
