/** Robust accuracy against the cost of training, a curve per defense, with the front over all of them. */
import { curveStepAfter, line } from 'd3-shape';
import { compact, duration, percent } from '../formats/format.ts';
import { element } from '../formats/svg.ts';
import { type Board, boardTitle } from '../view/view.ts';
import { measureOf, optionText, unitOf } from '../view/worth/cheapest.ts';
import { type Option, optionName, type Worth } from '../view/worth/options.ts';
import { paretoFront } from './cost.ts';
import {
  areaOf,
  axes,
  type Chart,
  chartOf,
  linear,
  logarithmic,
  logTicks,
  placeLabels,
  type Scale,
  series,
  whisker,
  wholePercent,
} from './frame.ts';

interface Place {
  readonly option: Option;
  readonly cost: number;
  readonly accuracy: number;
}

/** By passes, or by time where all was trained on one device; undefined where no defense has a point before its end, and for times of several devices. */
export function worthChart(board: Board, worth: Worth, colours: ReadonlyMap<string, number>, by: 'passes' | 'time'): Chart | undefined {
  const { options, device } = worth;
  if (options.every(({ until }) => until === 1) || (by === 'time' && device === undefined)) return undefined;
  const places = options.map(
    (option): Place => ({ option, cost: by === 'time' ? option.wallMs / 60_000 : option.passes, accuracy: option.accuracy }),
  );
  const front = paretoFront(places);
  const [width, height] = [720, 380];
  const area = areaOf(width, height);
  const x = logarithmic(
    places.map(({ cost }) => cost),
    [area.left, area.right],
  );
  const y = linear([0, Math.max(...options.map((o) => (o.until === 1 ? o.interval[1] : o.accuracy)))], [area.bottom, area.top]);
  const title = by === 'time' ? `training time on ${device}, minutes` : 'training passes (forward + backward, summed over examples)';
  const named = front.slice(-6).map(({ option }) => `${optionName(option)} ${percent(option.accuracy)} %`);
  const colourOf = ({ option }: Place) => series(colours.get(option.defense.rows[0]?.model.record.defense.name ?? '') ?? 0);
  const ends = places.filter(({ option }) => option.until === 1);
  return chartOf(
    {
      id: `${board.id}-worth${by === 'time' ? '-time' : ''}`,
      title: `Robustness along training, by ${by}: ${boardTitle(board)}`,
      description: `Robust accuracy ${measureOf(worth)}, as training goes on: small points are in the middle of a schedule, and not what a training planned to end there would give; the large point of a curve is its end. The staircase is the best that each cost bought: ${named.join(', ')}.`,
      width,
      height,
      columns: [
        { key: 'defense', title: 'Defense', kind: 'text' },
        { key: 'part', title: 'Part of its training', kind: 'number' },
        { key: 'seeds', title: 'Seeds', kind: 'count' },
        { key: 'training_passes', title: 'Training passes', kind: 'count' },
        { key: 'training_ms', title: 'Training time, ms', kind: 'count' },
        { key: 'device', title: 'Trained on', kind: 'text' },
        { key: 'accuracy', title: 'Robust accuracy', kind: 'accuracy' },
        { key: 'low', title: 'Low', kind: 'accuracy' },
        { key: 'high', title: 'High', kind: 'accuracy' },
        { key: 'front', title: 'On the front', kind: 'text' },
      ],
      rows: places.map((p) => [
        p.option.defense.name,
        p.option.until,
        p.option.seeds,
        Math.round(p.option.passes),
        Math.round(p.option.wallMs),
        p.option.device ?? null,
        p.accuracy,
        ...p.option.interval,
        front.includes(p),
      ]),
    },
    axes(
      area,
      { scale: x, title, ticks: logTicks(x), format: by === 'time' ? (v) => String(Number(v.toPrecision(2))) : compact },
      { scale: y, title: 'robust accuracy, %', format: wholePercent },
    ),
    element('path', { class: 'front', d: staircase(front, x, y, area.right) }),
    board.defenses.map((defense) =>
      curve(
        places.filter(({ option }) => option.defense === defense),
        x,
        y,
        colourOf,
      ),
    ),
    places.map((p) =>
      element(
        'g',
        { class: `mark ${colourOf(p)}` },
        element('title', {}, `${optionText(p.option, unitOf(worth))}${by === 'time' ? `, ${duration(p.option.wallMs)}` : ''}`),
        p.option.until === 1 ? whisker((v) => ({ x: x(p.cost), y: y(v) }), p.option.interval, p.accuracy) : undefined,
        element('circle', { cx: x(p.cost), cy: y(p.accuracy), r: p.option.until === 1 ? 5 : 2.5 }),
      ),
    ),
    placeLabels(
      ends.map((p) => ({ x: x(p.cost), y: y(p.accuracy), text: p.option.defense.name })),
      area,
    ),
  );
}

/** What each cost bought, up to the right end of the area. */
function staircase(front: readonly Place[], x: Scale, y: Scale, right: number): string {
  const corners = front.map(({ cost, accuracy }): [number, number] => [x(cost), y(accuracy)]);
  const last = corners.at(-1) as [number, number];
  return line().curve(curveStepAfter).digits(2)([...corners, [right, last[1]]]) ?? '';
}

function curve(places: readonly Place[], x: Scale, y: Scale, colourOf: (place: Place) => string) {
  const [first] = places;
  if (!first || places.length < 2) return undefined;
  const d = line<Place>(
    (p) => x(p.cost),
    (p) => y(p.accuracy),
  ).digits(2)(places);
  return d ? element('g', { class: `mark line ${colourOf(first)}` }, element('path', { d })) : undefined;
}
