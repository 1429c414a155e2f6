/** Ways to spend compute on robustness: every defense that was trained here, to its end and, where its suite has a curve, ended earlier. */
import { type CellRecord, deviceOf, type ModelRecord } from '../../../records/record.ts';
import { mean } from '../../../records/stats.ts';
import { attackId } from '../attacks.ts';
import { commonImages } from '../images.ts';
import { accuracyInterval, type Components, componentsOf, halfWidth } from '../seeds/components.ts';
import { moderated } from '../seeds/moderate.ts';
import { quantileOfT } from '../seeds/student.ts';
import { type Board, type DefenseRow, isBounded, isClean, isDone, type Row, trainingPasses } from '../view.ts';
import { worstCase } from '../worst-case.ts';
import type { PointView } from './points.ts';

/** A defense after a part of its training, all of it where `until` is 1, with its seeds inside. */
export interface Option {
  readonly defense: DefenseRow;
  readonly until: number;
  /** Passes over the training images, of the first seed. */
  readonly epochs: number;
  readonly seeds: number;
  /** Means over the seeds: forward and backward passes of training, summed over examples, and its wall time. */
  readonly passes: number;
  readonly wallMs: number;
  /** Where all seeds were trained on the same. */
  readonly device: string | undefined;
  readonly accuracy: number;
  /** 95 %, over seeds and images together, of this option by itself. */
  readonly interval: [number, number];
  /** The lower end of the interval in which, with those of all options, the truth lies with 95 %. */
  readonly surely: number;
}

/** All options of a board, on the same images under the same attacks. */
export interface Worth {
  /** By defense as the board has them, then by passes. */
  readonly options: readonly Option[];
  /** Labels of the attacks; undefined for the worst case of the board. */
  readonly attacks: readonly string[] | undefined;
  readonly images: number;
  /** What all of them were trained on, where that is one device. */
  readonly device: string | undefined;
}

/** One training of an option. */
interface Ended {
  readonly record: ModelRecord;
  readonly outcomes: string;
}

interface Draft {
  readonly defense: DefenseRow;
  readonly until: number;
  readonly ended: readonly Ended[];
}

/** Undefined of fewer than two options, or where nothing was trained here. */
export function worthOf(board: Board, points: readonly PointView[]): Worth | undefined {
  const trained = board.defenses.filter(({ rows }) => rows.every((r) => trainingPasses(r.model.record) > 0));
  const curve = curveOf(board, trained, points);
  const drafts = curve?.drafts ?? trained.map((defense) => ({ defense, until: 1, ended: defense.rows.map(wholeOf) }));
  if (drafts.length < 2) return undefined;
  const options = optionsOf(drafts);
  const devices = new Set(options.map(({ device }) => device));
  return {
    options,
    attacks: curve?.attacks,
    images: drafts[0]?.ended[0]?.outcomes.length ?? 0,
    device: devices.size === 1 ? options[0]?.device : undefined,
  };
}

const wholeOf = ({ model, worst }: Row): Ended => ({ record: model.record, outcomes: worst?.outcomes ?? '' });

type Cells = ReadonlyMap<string, CellRecord>;

/** The points of a board with the ends of their trainings, under the attacks that all of them were put to; undefined where there are none. */
function curveOf(
  board: Board,
  trained: readonly DefenseRow[],
  points: readonly PointView[],
): { drafts: Draft[]; attacks: string[] } | undefined {
  const { norm, eps } = board.threat;
  const cellsOf = ({ cells }: PointView): Cells =>
    new Map(
      cells.filter((c) => isDone(c) && (isClean(c) || (c.threat.norm === norm && c.threat.eps === eps))).map((c) => [attackId(c), c]),
    );
  const known = new Set(trained.flatMap(({ rows }) => rows.map((r) => r.model.record.key)));
  const own = points.flatMap((point) => (known.has(point.whole) ? [{ point, cells: cellsOf(point) }] : []));
  const everywhere = (id: string) => own.every(({ cells }) => cells.has(id));
  const attacks = board.attacks.filter((a) => !isClean(a) && isBounded(a) && own.length > 0 && everywhere(a.id));
  if (attacks.length === 0) return undefined;
  const clean = board.attacks.filter((a) => isClean(a) && everywhere(a.id));
  const ids = new Set([...attacks, ...clean].map(({ id }) => id));
  const asked = (cells: Cells): Cells => new Map([...cells].filter(([id, cell]) => ids.has(id) && isDone(cell)));
  const rows = trained.filter((d) => d.rows.every((r) => asked(r.cells).size === ids.size));
  const images = commonImages([
    ...own.flatMap(({ cells }) => [...asked(cells).values()]),
    ...rows.flatMap((d) => d.rows.flatMap((r) => [...asked(r.cells).values()])),
  ]);
  if (images.length === 0) return undefined;
  const ended = (record: ModelRecord, cells: Cells): Ended => ({ record, outcomes: worstCase(asked(cells), images)?.outcomes ?? '' });
  const drafts = rows.flatMap((defense) => {
    const ofSeed = defense.rows.map((r) => own.filter(({ point }) => point.whole === r.model.record.key));
    const parts = [...new Set(ofSeed.flat().map(({ point }) => point.until))].sort((a, b) => a - b);
    const before = parts.flatMap((until): Draft[] => {
      const found = ofSeed.flatMap((list) => list.filter(({ point }) => point.until === until));
      return found.length < defense.rows.length
        ? []
        : [{ defense, until, ended: found.map(({ point, cells }) => ended(point.record, cells)) }];
    });
    return [...before, { defense, until: 1, ended: defense.rows.map((r) => ended(r.model.record, r.cells)) }];
  });
  return { drafts: drafts.filter(isNew), attacks: attacks.map((a) => a.label) };
}

/** Not the same point again: a short training has fewer epochs than a curve has parts. */
function isNew({ defense, ended }: Draft, i: number, drafts: readonly Draft[]): boolean {
  const next = drafts[i + 1];
  return next?.defense !== defense || ended.some(({ record }, k) => record.epochs.length !== next.ended[k]?.record.epochs.length);
}

/** How robust each of some options is: two-way components of its seeds and images, `surely` at 2.5 % one-sided over all of them together. */
export function judged(all: readonly Components[]): Pick<Option, 'accuracy' | 'interval' | 'surely'>[] {
  const shared = moderated(all.map(({ bySeeds, freedom }) => ({ value: bySeeds, freedom })));
  const z = quantileOfT(0.05 / all.length, Number.POSITIVE_INFINITY);
  return all.map((own, i) => {
    const { value, freedom } = shared[i] as (typeof shared)[number];
    // as in the tests of pairs, no variance is taken to be less than its own data say
    const tested = { ...own, bySeeds: Math.max(own.bySeeds, value), freedom };
    const surely = own.freedom === 0 ? accuracyInterval(own, z)[0] : own.mean - halfWidth(tested, z);
    return { accuracy: own.mean, interval: accuracyInterval(own), surely };
  });
}

function optionsOf(drafts: readonly Draft[]): Option[] {
  const bits = (outcomes: string) => Int8Array.from(outcomes, (c) => (c === '1' ? 1 : 0));
  const robust = judged(drafts.map(({ ended }) => componentsOf(ended.map(({ outcomes }) => bits(outcomes)))));
  return drafts.map(({ defense, until, ended }, i) => {
    const devices = new Set(ended.map(({ record }) => deviceOf(record.provenance)));
    return {
      defense,
      until,
      epochs: ended[0]?.record.epochs.length ?? 0,
      seeds: ended.length,
      passes: mean(ended.map(({ record }) => trainingPasses(record))),
      wallMs: mean(ended.map(({ record }) => record.cost.wallMs)),
      device: devices.size === 1 ? [...devices][0] : undefined,
      ...(robust[i] as (typeof robust)[number]),
    };
  });
}

/** `trades`, or `trades, 5 of 20 epochs`. */
export function optionName({ defense, until, epochs }: Option): string {
  const all = defense.rows[0]?.model.record.epochs.length ?? 0;
  return until === 1 ? defense.name : `${defense.name}, ${epochs} of ${all} epochs`;
}
