/** Which published images a quiz asks about: decided by the records alone, so that their pixels are kept of no others. */
import { type CellRecord, indicesOf } from '../../records/record.ts';
import { placesIn } from '../view/images.ts';
import { type Board, isBounded, isClean, isDone, type ModelView, type View } from '../view/view.ts';

/** How often the radius the far images may have. */
export const FAR = 4;

/** The most test images of a quiz, and what there must be at least: each is shown in one of three forms. */
const MOST = 24;
const LEAST = 6;

/** An adversarial image: of which model and cell. */
export interface Shown {
  readonly model: ModelView;
  readonly cell: CellRecord;
}

export interface QuizItem {
  /** Index in the test split. */
  readonly image: number;
  readonly label: number;
  readonly near: Shown;
  /** Absent where no attack at four times the radius has it: the perturbation is drawn four times as large then. */
  readonly far: Shown | undefined;
}

export interface QuizPlan {
  readonly board: Board;
  /** At four times its radius, where the site has it. */
  readonly farBoard: Board | undefined;
  readonly items: readonly QuizItem[];
}

/** One of every data set that has enough images. */
export function quizPlans({ boards }: View): QuizPlan[] {
  const asked = new Set<string>();
  return boards.flatMap((board) => {
    const { hash } = board.dataset;
    if (asked.has(hash)) return [];
    const farBoard = boards.find((other) => other.dataset.hash === hash && isFarOf(board, other));
    const near = shownOn(board, 0);
    // what breaks inside the radius is not attacked again at a larger one: such a point is no far one
    const far = farBoard ? shownOn(farBoard, farBoard.threat.eps / 2) : new Map<number, Shown>();
    const labels = labelsOf(near);
    const images = acrossClasses([...near.keys()], labels).slice(0, MOST);
    const count = images.length - (images.length % 3);
    if (count < LEAST) return [];
    asked.add(hash);
    const items = images.slice(0, count).map((image) => ({
      image,
      label: labels.get(image) as number,
      near: near.get(image) as Shown,
      far: far.get(image),
    }));
    return [{ board, farBoard, items }];
  });
}

const isFarOf = ({ threat }: Board, other: Board) =>
  other.threat.norm === threat.norm && Math.abs(other.threat.eps - FAR * threat.eps) <= 0.01 * FAR * threat.eps;

/** By image, that of the model that stands highest among those that an attack broke there: what fools a robust model looks least like noise. Points `beyond` a distance. */
function shownOn({ rows }: Board, beyond: number): Map<number, Shown> {
  const found = new Map<number, Shown>();
  for (const { model, cells } of rows)
    for (const cell of [...cells.values()].filter((c) => isDone(c) && isBounded(c) && !isClean(c) && c.published)) {
      const { robust, distances } = cell.outcomes;
      for (const [place, image] of indicesOf(cell).slice(0, cell.published?.images).entries())
        if (robust[place] === '0' && (distances[place] as number) > beyond && !found.has(image)) found.set(image, { model, cell });
    }
  return found;
}

function labelsOf(shown: ReadonlyMap<number, Shown>): Map<number, number> {
  return new Map([...shown].map(([image, { cell }]) => [image, cell.outcomes.labels[placesIn(cell)(image)] as number]));
}

/** One of every class, then the next of every class, each in the order of the test split. */
function acrossClasses(images: readonly number[], labels: ReadonlyMap<number, number>): number[] {
  const turns = new Map<number, number>();
  const placed = [...images]
    .sort((a, b) => a - b)
    .map((image) => {
      const label = labels.get(image) as number;
      const turn = turns.get(label) ?? 0;
      turns.set(label, turn + 1);
      return { image, label, turn };
    });
  return placed.sort((a, b) => a.turn - b.turn || a.label - b.label).map(({ image }) => image);
}
