/** The cheapest way to some robustness, and how far seeds and images leave its cost open. */
import { duration, interval, percent } from '../../formats/format.ts';
import type { Table } from '../../formats/table.ts';
import { type Board, boardTitle, trainingPasses } from '../view.ts';
import { type Option, optionName, type Worth } from './options.ts';

/** What it takes to reach an accuracy. The cost of the cheapest option that truly does lies between those of `perhaps` and `surely` with 95 %. */
export interface Step {
  /** In [0,1]. */
  readonly target: number;
  /** The cheapest that reached it. */
  readonly cheapest: Option;
  /** The cheapest whose interval reaches it: the truly cheapest has its own interval miss from below in 2.5 % of cases. */
  readonly perhaps: Option;
  /** The cheapest that lies above it with all options taken together at 2.5 %; undefined where none does. */
  readonly surely: Option | undefined;
}

/** The accuracy of the best and the round numbers below it, at most so many: the highest first. */
const MOST_TARGETS = 20;
/** Rows of the table, from the best down. */
const MOST_STEPS = 6;

function targetsOf(best: number): number[] {
  const step = [0.01, 0.02, 0.05].find((s) => best / s <= MOST_TARGETS) ?? 0.05;
  const round = Array.from({ length: Math.floor(best / step + 1e-9) }, (_, i) => Number(((i + 1) * step).toFixed(4)));
  return [best, ...round.filter((target) => target < best).reverse()];
}

/** `target` is at most the accuracy of the best. */
export function stepAt(options: readonly Option[], target: number): Step {
  const byCost = [...options].sort((a, b) => a.passes - b.passes || b.accuracy - a.accuracy);
  const cheapest = byCost.find(({ accuracy }) => accuracy >= target) as Option;
  const perhaps = byCost.find(({ interval: [, high] }) => high >= target) as Option;
  return { target, cheapest, perhaps, surely: byCost.find(({ surely }) => surely >= target) };
}

/** From the robustness of the best down; of two neighbours that the same option is the cheapest of, with the same costs left open, the higher one. */
export function stepsOf({ options }: Pick<Worth, 'options'>): Step[] {
  const best = Math.max(...options.map(({ accuracy }) => accuracy));
  if (best <= 0) return [];
  const steps = targetsOf(best).map((target) => stepAt(options, target));
  const same = (a: Step, b: Step | undefined) => a.cheapest === b?.cheapest && a.perhaps === b.perhaps && a.surely === b.surely;
  return steps.filter((step, i) => !same(step, steps[i - 1])).slice(0, MOST_STEPS);
}

/** What the options were judged by, in words. */
export function measureOf({ attacks, images }: Worth): string {
  const by = attacks ? `under ${attacks.join(', ')}` : 'in the worst case';
  return `${by}, ${images} test images`;
}

/** Passes against the cheapest training of all, or in thousands and millions. */
const times = (option: Option, unit: number) => `${Number((option.passes / unit).toPrecision(2))} ×`;

/** Training passes of the undefended model, by which costs are counted, on the board or not; the cheapest option's where there is none. */
export function unitOf({ options }: Pick<Worth, 'options'>): number {
  const rows = options.flatMap(({ defense }) => defense.rows);
  const undefended = rows.flatMap(({ model, ratio }) => (ratio ? [trainingPasses(model.record) / ratio.passes] : []));
  return Math.min(...(undefended.length > 0 ? undefended : options.map(({ passes }) => passes)));
}

/** What an hour costs of a device whose name has `device` in it. */
export interface Price {
  readonly device: string;
  readonly perHour: number;
}

/** A row per target. Times are there where all was trained on one device, prices where that one has one. */
export function cheapestTable(board: Board, worth: Worth, prices: readonly Price[] = []): Table {
  const price = prices.find(({ device }) => worth.device?.includes(device));
  const unit = unitOf(worth);
  const steps = stepsOf(worth);
  return {
    name: 'cheapest',
    caption: `Cheapest training to a robust accuracy (${boardTitle(board)}, ${measureOf(worth)})`,
    columns: [
      { key: 'at_least', title: 'At least', kind: 'text' },
      { key: 'target', title: 'Target', kind: 'accuracy', wide: true },
      { key: 'cheapest', title: 'Cheapest', kind: 'text' },
      { key: 'cost', title: 'Training', kind: 'text' },
      { key: 'passes', title: 'Training passes', kind: 'count', wide: true },
      ...(worth.device === undefined ? [] : [{ key: 'time', title: 'Time', kind: 'text' } as const]),
      ...(price ? [{ key: 'price', title: 'Price', kind: 'text' } as const] : []),
      { key: 'accuracy', title: 'Robust, %', kind: 'accuracy' },
      { key: 'interval', title: '95 %', kind: 'text' },
      { key: 'open', title: 'Cost left open', kind: 'text' },
    ],
    rows: steps.map(({ target, cheapest, perhaps, surely }) => [
      `${Number((100 * target).toFixed(1))} %`,
      target,
      optionName(cheapest),
      times(cheapest, unit),
      Math.round(cheapest.passes),
      ...(worth.device === undefined ? [] : [duration(cheapest.wallMs)]),
      ...(price ? [String(Number(((cheapest.wallMs / 3_600_000) * price.perHour).toPrecision(2)))] : []),
      cheapest.accuracy,
      interval(cheapest.interval),
      openText(perhaps, surely, unit),
    ]),
  };
}

/** `4.0 × (fgsm-rs) to 11 × (pgd-at)`. */
function openText(perhaps: Option, surely: Option | undefined, unit: number): string {
  const named = (option: Option) => `${times(option, unit)} (${optionName(option)})`;
  if (surely === perhaps) return `surely ${named(perhaps)}`;
  return surely ? `${named(perhaps)} to ${named(surely)}` : `from ${named(perhaps)}; none is sure`;
}

/** What is said of an option on hover. */
export const optionText = (option: Option, unit: number) =>
  `${optionName(option)}: ${percent(option.accuracy)} % [${interval(option.interval)}], ${times(option, unit)}`;
