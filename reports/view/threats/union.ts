/** What is left of a model when the attacker may choose the threat: worst and mean over balls of several norms, and over corruptions beside them, after Dai et al. 2023 (MultiRobustBench, arXiv 2302.10980). */
import { wilson } from '../../../records/stats.ts';
import { isRight, placesIn } from '../images.ts';
import { type Board, boardTitle, type ModelView, type Row, type Union, type WorstCase } from '../view.ts';

/** The boards, each row with the union over the threats of its data set, where there are several. */
export function withUnions(boards: readonly Board[]): Board[] {
  return boards.map((board) => {
    const threats = threatsOf(boards.filter((other) => other.dataset.hash === board.dataset.hash));
    return { ...board, rows: board.rows.map((row): Row => ({ ...row, union: unionOf(row, threats) })) };
  });
}

/**
 * One board of each norm: where a suite has several radii, the one that clean cells name as what models train at, else the one with most rows,
 * else the largest.
 */
export function threatsOf(boards: readonly Board[]): Board[] {
  const named = (board: Board) =>
    board.rows.filter(({ clean }) => clean?.threat.norm === board.threat.norm && clean.threat.eps === board.threat.eps).length;
  const norms = new Map<string, Board>();
  for (const board of boards) {
    const held = norms.get(board.threat.norm);
    const order = held ? named(board) - named(held) || board.rows.length - held.rows.length || board.threat.eps - held.threat.eps : 1;
    if (order > 0) norms.set(board.threat.norm, board);
  }
  return [...norms.values()].sort((a, b) => (a.threat.norm < b.threat.norm ? -1 : 1));
}

/** Undefined where the model has no worst case in one of the threats, or there is one threat alone. */
function unionOf({ model }: Row, threats: readonly Board[]): Union | undefined {
  const found = threats.map((board) => board.rows.find((row) => row.model === model));
  const worst = found.flatMap((row) => row?.worst ?? []);
  const corruptions = found[0]?.corruptions;
  if (worst.length < threats.length || worst.length + (corruptions ? 1 : 0) < 2) return undefined;
  const accuracies = [...worst.map(({ accuracy }) => accuracy), ...(corruptions ? [corruptions.accuracy] : [])];
  return {
    threats: [...threats.map(nameOf), ...(corruptions ? ['corruptions'] : [])],
    balls: worst.length > 1 ? shareOf(robustIn(worst)) : undefined,
    all: corruptions && corruptions.failed === 0 ? shareOf(alsoCorrupted(robustIn(worst), model)) : undefined,
    mean: accuracies.reduce((sum, accuracy) => sum + accuracy, 0) / accuracies.length,
  };
}

/** `Linf 8/255`: a board's title without its data set. */
const nameOf = (board: Board) => boardTitle(board).slice(board.dataset.name.length + 2);

/** By image: whether no attack of any of the balls broke it. Images that one of them did not see are left out. */
function robustIn(worst: readonly WorstCase[]): Map<number, boolean> {
  const all = worst.map(({ images, outcomes }) => new Map(images.map((image, i) => [image, outcomes[i] === '1'])));
  const [first, ...others] = all as [Map<number, boolean>, ...Map<number, boolean>[]];
  const common = [...first.keys()].filter((image) => others.every((other) => other.has(image)));
  return new Map(common.map((image) => [image, all.every((one) => one.get(image))]));
}

/** The same, and whether it is right after every corruption at every severity. */
function alsoCorrupted(robust: ReadonlyMap<number, boolean>, { corrupted }: ModelView): Map<number, boolean> {
  const cells = corrupted.map((cell) => ({ right: (place: number) => isRight(cell, place), place: placesIn(cell) }));
  const seen = [...robust].filter(([image]) => cells.every(({ place }) => place(image) >= 0));
  return new Map(seen.map(([image, isRobust]) => [image, isRobust && cells.every(({ right, place }) => right(place(image)))]));
}

/** Undefined of no images. */
function shareOf(robust: ReadonlyMap<number, boolean>): Union['balls'] {
  const n = robust.size;
  const k = [...robust.values()].filter(Boolean).length;
  return n === 0 ? undefined : { accuracy: k / n, n, interval: wilson(k, n) };
}
