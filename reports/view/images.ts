/** Outcomes by image: a cell lists the test images that it saw, and cells are joined on those, never on their places in a list. */
import { type CellRecord, indicesOf } from '../../records/record.ts';

/** The place of a test image among a cell's outcomes; -1 where the cell did not see it. */
export function placesIn({ n, indices }: Pick<CellRecord, 'n' | 'indices'>): (image: number) => number {
  if (!indices) return (image) => (image < n ? image : -1);
  const places = new Map(indices.map((image, place) => [image, place]));
  return (image) => places.get(image) ?? -1;
}

/** Whether the outcome at a place is `1`. */
export const isRight = (cell: Pick<CellRecord, 'outcomes'>, place: number) => cell.outcomes.robust.charCodeAt(place) === 49;

/** Whether these images, ascending, are the first ones of the test set. */
const areFirst = (images: readonly number[]) => images.length === 0 || images[images.length - 1] === images.length - 1;

const ascending = (images: Iterable<number>) => [...images].sort((a, b) => a - b);

/** The images that at least one of the cells saw, ascending. */
export function allImages(cells: readonly CellRecord[]): number[] {
  // a set is slow where every cell saw the first images of the test set, as most do
  const first = Math.max(0, ...cells.filter((c) => !c.indices).map((c) => c.n));
  const chosen = cells.flatMap((c) => (c.indices ?? []).filter((image) => image >= first));
  return [...indicesOf({ n: first }), ...ascending(new Set(chosen))];
}

/** The images that every one of the cells saw, ascending; none of no cells. */
export function commonImages(cells: readonly CellRecord[]): number[] {
  const [shortest, ...others] = [...cells].sort((a, b) => a.n - b.n);
  if (!shortest) return [];
  const places = others.map(placesIn);
  return ascending(indicesOf(shortest).filter((image) => places.every((place) => place(image) >= 0)));
}

/** One character per image: `1` right, `0` wrong, `-` not seen by the cell. */
export function outcomesOn(images: readonly number[], cell: CellRecord): string {
  const { robust } = cell.outcomes;
  if (!cell.indices && areFirst(images)) return robust.slice(0, images.length).padEnd(images.length, '-');
  const place = placesIn(cell);
  const known = (at: number) => (at < 0 ? '-' : robust.charAt(at));
  return images.map((image) => known(place(image))).join('');
}

/** Images of these that a cell has right; those that it did not see are not counted. */
export function rightOn(images: readonly number[], cell: CellRecord): number {
  const place = placesIn(cell);
  return images.filter((image) => isRight(cell, place(image))).length;
}

/** The class of every image, by any of the cells that saw it; -1 where none did. */
export function labelsOn(images: readonly number[], cells: readonly CellRecord[]): number[] {
  const longest = cells.find((c) => !c.indices && c.n >= images.length);
  if (longest && areFirst(images)) return longest.outcomes.labels.slice(0, images.length);
  const sorted = cells.map((cell) => ({ cell, place: placesIn(cell) }));
  return images.map((image) => {
    const found = sorted.find(({ place }) => place(image) >= 0);
    return found ? (found.cell.outcomes.labels[found.place(image)] ?? -1) : -1;
  });
}

/** Distances of the points that are misclassified though their images are not. */
export function errorsOf({ outcomes }: CellRecord): number[] {
  return outcomes.distances.filter((distance, place) => distance > 0 && outcomes.robust.charCodeAt(place) !== 49);
}

/** Their mean; undefined without any. */
export function errorDistance(cell: CellRecord): number | undefined {
  const errors = errorsOf(cell);
  return errors.length > 0 ? errors.reduce((sum, d) => sum + d, 0) / errors.length : undefined;
}
