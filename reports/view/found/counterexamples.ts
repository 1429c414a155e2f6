/** What others found against the records: counterexamples of readers and of attacks from elsewhere, which lower the worst case of a row. */
import type { TakenCounterexamples } from '../../../records/evidence/counterexample.ts';
import type { CellRecord } from '../../../records/record.ts';

/** Some of the same file against the claims of one model on one board. */
export interface Against {
  readonly taken: TakenCounterexamples;
  /** Its points inside of the ball of the board. */
  readonly points: TakenCounterexamples['points'];
  /** Images of it that every attack of the table left right, ascending; of points that an earlier file has too, all the same. */
  readonly counted: readonly number[];
}

/** How far a distance that is rounded to six digits may be beyond the radius. */
const ROUNDED = 1e-6;

/** Those against the model of a key in the threat model of a board, in the order of their files. */
export function againstModel(
  key: string,
  { dataset, threat }: { readonly dataset: { readonly hash: string }; readonly threat: CellRecord['threat'] },
  all: readonly TakenCounterexamples[],
  isRobust: (image: number) => boolean,
): Against[] {
  return all.flatMap((taken): Against[] => {
    if (taken.model.key !== key || taken.dataset !== dataset.hash || taken.threat.norm !== threat.norm) return [];
    // a point of a smaller claim breaks the larger ones too, and one of a larger claim those that it is near enough for
    const inside = ({ distance }: { distance: number }) => taken.threat.eps <= threat.eps || distance <= threat.eps + ROUNDED;
    const points = taken.points.filter(inside);
    const counted = points.map(({ image }) => image).filter(isRobust);
    return points.length > 0 ? [{ taken, points, counted: counted.sort((a, b) => a - b) }] : [];
  });
}

/** Every image that one of them breaks. */
export function brokenBy(against: readonly Against[]): ReadonlySet<number> {
  return new Set(against.flatMap(({ points }) => points.map(({ image }) => image)));
}

/** By how many images they lower the worst case of a row. */
export function loweredBy({
  against,
  worst,
}: {
  readonly against: readonly Against[];
  readonly worst: { readonly images: readonly number[] } | undefined;
}): number {
  const images = new Set(worst?.images);
  return new Set(against.flatMap(({ counted }) => counted.filter((image) => images.has(image)))).size;
}
