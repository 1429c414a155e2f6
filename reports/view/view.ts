/** What the site shows, in nouns: boards, their attacks and rows, worst cases, ranks. */
import type { CellRecord, CorruptedRecord, Flag, ModelRecord } from '../../records/record.ts';
import { percent, radius } from '../formats/format.ts';
import type { Against } from './found/counterexamples.ts';
import type { Masking } from './masking/masking.ts';
import type { Pair, Rank } from './ranking.ts';
import type { DefensePair } from './seeds/compare.ts';
import type { PointView } from './worth/points.ts';

/** An attack with its parameters: a column of a board and a page of its own. */
export interface AttackView {
  readonly id: string;
  /** As shown: the suite's label, numbered where two suites use one label for different parameters. */
  readonly label: string;
  readonly slug: string;
  readonly attack: CellRecord['attack'];
}

/** Right under no attack and under every finished one, image by image, and broken by no counterexample. */
export interface WorstCase {
  readonly k: number;
  readonly n: number;
  readonly accuracy: number;
  readonly interval: [number, number];
  /** Indices in the test set, ascending, and one character for each of them: `1` where no attack broke it. */
  readonly images: readonly number[];
  readonly outcomes: string;
  readonly attacks: number;
  /** Accuracy without attack on the same images. */
  readonly clean: number | undefined;
}

export interface ModelView {
  readonly record: ModelRecord;
  /** As shown: the record's name, with a piece of the key where two records share one. */
  readonly name: string;
  readonly slug: string;
  /** Every cell of this model, in board and column order. */
  readonly cells: CellRecord[];
  /** Every cell of this model on corrupted images. */
  readonly corrupted: CorruptedRecord[];
  /** The records that differ from this one only in the seed, this one included. */
  readonly siblings: ModelView[];
  /** The other one of two epochs of one training, where both are there: the best by validation and the final one. */
  twin?: ModelView;
}

/** Two models on the same images, in accuracy: `value` is best - last, `interval` its 95 % interval, `p` of an exact McNemar test. */
export interface Difference {
  readonly n: number;
  readonly best: number;
  readonly last: number;
  readonly onlyBest: number;
  readonly onlyLast: number;
  readonly value: number;
  readonly interval: [number, number];
  readonly p: number;
}

/** What the best epoch of a training is better by than its final one. */
export interface Overfitting {
  readonly best: ModelView;
  readonly last: ModelView;
  readonly byAttack: { readonly attack: AttackView; readonly difference: Difference }[];
  /** Over the attacks that both finished. */
  readonly worst: Difference | undefined;
}

/** One corruption, at the severities at which the model was shown it, the mildest first. */
export interface CorruptionRow {
  readonly name: string;
  readonly title: string;
  readonly cells: readonly CorruptedRecord[];
  /** Mean over the severities. */
  readonly accuracy: number;
  /** Errors over all severities against those of the baseline, 1 for as many. */
  readonly error?: number | undefined;
}

export interface Corruptions {
  readonly rows: readonly CorruptionRow[];
  /** Cells without a result, which nothing here counts. */
  readonly failed: number;
  /** Mean over the corruptions. */
  readonly accuracy: number;
  /** Mean over the corruptions of `error`, where the baseline was shown the same: the mCE of Hendrycks and Dietterich 2019, eq. in section 4.1, 1 for as many errors. */
  readonly relative?: { readonly mce: number; readonly baseline: ModelView } | undefined;
}

/** A share of images, and its 95 % Wilson interval. */
export interface Share {
  readonly accuracy: number;
  readonly n: number;
  readonly interval: [number, number];
}

/** Over the threats of a data set together: a ball of each norm, and corruptions. */
export interface Union {
  /** In words: `Linf 8/255`, `corruptions`. */
  readonly threats: readonly string[];
  /** Of images that no attack of any ball broke, where there are several balls. */
  readonly balls: Share | undefined;
  /** Of those that are right after every corruption at every severity too, where there are corruptions. */
  readonly all: Share | undefined;
  /** Mean over the threats of the worst case in a ball, and of the accuracy on corrupted images. */
  readonly mean: number;
}

export interface Row {
  readonly model: ModelView;
  /** By attack id; failed cells are here too. */
  readonly cells: ReadonlyMap<string, CellRecord>;
  readonly clean: CellRecord | undefined;
  /** Of a ranked model, on the images on which all are ranked; else on those that its own attacks saw. */
  readonly worst: WorstCase | undefined;
  /** Absent where the model cannot be compared with the others; a flag says why. */
  readonly rank: Rank | undefined;
  /** Strongest single gradient attack minus strongest ensemble on the images that all of them saw, in accuracy. */
  readonly gap: number | undefined;
  /** Against the undefended model of the same architecture and data, and the same recipe where there is one: passes and wall time, the latter where both ran on the same device. */
  readonly ratio: { passes: number; time: number | undefined } | undefined;
  /** `devices`: what the attacks ran on; several where their times are not of one kind. */
  readonly attackCost: { forward: number; backward: number; wallMs: number; devices: readonly string[] };
  readonly seeds: { count: number; mean: number; deviation: number } | undefined;
  /** Where the other epoch of its training is in the table too. */
  readonly overfitting?: Overfitting | undefined;
  /** Where its data set has several threats. */
  readonly union?: Union | undefined;
  /** Where it was shown corrupted images. */
  readonly corruptions?: Corruptions | undefined;
  /** Whether its gradients are masked. */
  readonly masking: Masking;
  readonly flags: { flag: Flag; cell: CellRecord | undefined }[];
  /** What others found against it, which the worst case counts. */
  readonly against: readonly Against[];
}

/** A defense with its parameters and recipe: all of its ranked trainings, one per seed. */
export interface DefenseRow {
  readonly name: string;
  /** By seed. */
  readonly rows: readonly Row[];
  /** Mean of the worst cases, and its 95 % interval over seeds and images together; over images alone where there is one seed. */
  readonly accuracy: number;
  readonly interval: [number, number];
  readonly n: number;
  /** Of the worst cases of several seeds: sample standard deviation, lowest and highest. */
  readonly seeds: { readonly deviation: number; readonly range: readonly [number, number] } | undefined;
  /** Means over the seeds: accuracy without attack on the same images, and passes of training against no defense. */
  readonly clean: number | undefined;
  readonly ratio: number | undefined;
  readonly rank: Rank;
}

export interface Board {
  readonly id: string;
  readonly dataset: ModelRecord['dataset'];
  readonly threat: CellRecord['threat'];
  readonly attacks: AttackView[];
  /** The ranked ones by worst case, then the others. */
  readonly rows: Row[];
  /** Over the ranked rows, by their index in `rows`. */
  readonly pairs: Pair[];
  /** What the ranked rows are trainings of, the most robust first, and all pairs of these. */
  readonly defenses: DefenseRow[];
  readonly defensePairs: DefensePair[];
  /** The most images that an attack of this board saw of one model. */
  readonly n: number;
}

export interface View {
  readonly boards: Board[];
  readonly models: ModelView[];
  readonly attacks: AttackView[];
  /** Of trainings that are among the models, ended earlier. */
  readonly points: readonly PointView[];
}

/** Whether a cell is of no attack: the clean accuracy. */
export const isClean = ({ attack }: Pick<CellRecord, 'attack'>) => attack.access === 'none';

/** Whether its points are kept inside of the ball of its threat. */
export const isBounded = ({ attack }: Pick<CellRecord, 'attack'>) => attack.bounded !== false;

export const isDone = (cell: CellRecord | undefined): cell is CellRecord => cell?.status === 'done' && cell.n > 0;

/** `tuned, best of 6`, or `published` where its parameters are as the suite lists them; nothing of what was not trained here. */
export function tuningText({ tuning, defense }: ModelRecord): string | undefined {
  if (tuning) return `tuned, best of ${tuning.trials.length}`;
  return defense.kind === 'training' ? 'published' : undefined;
}

/** Passes of training, forward and backward, summed over examples. */
export const trainingPasses = (record: ModelRecord) => record.cost.passes.forward + record.cost.passes.backward;

/** `CIFAR-10` style titles are the data set's business; here the record's name, the norm and the radius. */
export const boardTitle = (board: Board) => `${board.dataset.name}, ${board.threat.norm} ${radius(board.threat.eps)}`;

/** Boards of the same data set and norm whose radius is nearly this one's, as 0.031 is 8/255: a figure at one is none at the other. */
export function nearBoards(board: Board, boards: readonly Board[]): Board[] {
  const { norm, eps } = board.threat;
  const near = (other: number) => Math.abs(other - eps) <= 0.05 * eps;
  return boards.filter((b) => b !== board && b.dataset.hash === board.dataset.hash && b.threat.norm === norm && near(b.threat.eps));
}

/** How many attacks the worst cases of most models of the board are over; the fewer of two that equally many are. */
export function usualAttacks({ rows }: Pick<Board, 'rows'>): number {
  const counts = new Map<number, number>();
  for (const { worst } of rows) if (worst) counts.set(worst.attacks, (counts.get(worst.attacks) ?? 0) + 1);
  return [...counts].sort(([a, of], [b, other]) => other - of || a - b)[0]?.[0] ?? 0;
}

/** `over 5 attacks` where a worst case is over others than most of its board: more of them break more. */
export function attacksNote({ attacks }: WorstCase, board: Pick<Board, 'rows'>): string | undefined {
  return attacks === usualAttacks(board) ? undefined : `over ${attacks} attack${attacks === 1 ? '' : 's'}`;
}

/** `of 6` where a number rests on other images than most of its board; nothing where it does not. */
export const imagesNote = (n: number, board: Pick<Board, 'n'>) => (n === board.n ? undefined : `of ${n}`);

/** `45.2` where the cell is done, with its number of images where that is not the board's. */
export function cellText(cell: CellRecord, board: Pick<Board, 'n'>): string {
  if (cell.status !== 'done') return 'failed';
  const note = imagesNote(cell.n, board);
  return note ? `${percent(cell.accuracy)} ${note}` : percent(cell.accuracy);
}
