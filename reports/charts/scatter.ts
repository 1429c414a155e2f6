/** Worst-case robust accuracy of the models of a board against another of their properties: one point each, named where there is room. */

import { type Child, element } from '../formats/svg.ts';
import type { Row } from '../view/view.ts';
import {
  type Area,
  type Axis,
  areaOf,
  axes,
  type Chart,
  type ChartData,
  chartOf,
  linear,
  placeLabels,
  type Scale,
  series,
  whisker,
  wholePercent,
} from './frame.ts';

export interface Point {
  readonly row: Row;
  /** Worst case, in [0,1]. */
  readonly accuracy: number;
}

export interface Scatter<P extends Point> extends ChartData {
  readonly points: readonly P[];
  /** The property. */
  at(point: P): number;
  /** Its axis, over this range of the picture. */
  axis(range: readonly [number, number]): Axis;
  /** The accuracy that the vertical axis reaches at least. */
  readonly highest: number;
  /** What lies under the points. */
  backdrop(x: Scale, y: Scale): Child;
  hover(point: P): string;
  /** Whether points have their 95 % intervals. */
  readonly intervals?: boolean;
  /** Points that are named before the others, however many there are. */
  readonly first?: readonly P[];
}

/** More points than this are drawn small and without intervals. */
const CROWD = 60;
/** More points than this are not named, but for the first. */
const MOST_NAMES = 24;

export function scatterChart<P extends Point>(scatter: Scatter<P>, colours: ReadonlyMap<string, number>): Chart {
  const { points, at, first = [] } = scatter;
  const [width, height] = [720, 380];
  const area: Area = areaOf(width, height);
  const axis = scatter.axis([area.left, area.right]);
  const x = axis.scale;
  const y = linear([0, scatter.highest], [area.bottom, area.top]);
  const crowded = points.length > CROWD;
  const mark = (p: P) => {
    const [low, high] = p.row.worst?.interval ?? [0, 0];
    return element(
      'g',
      { class: `mark ${series(colours.get(p.row.model.record.defense.name) ?? 0)}` },
      element('title', {}, scatter.hover(p)),
      scatter.intervals && !crowded ? whisker((v) => ({ x: x(at(p)), y: y(v) }), [low, high], p.accuracy) : undefined,
      element('circle', { cx: x(at(p)), cy: y(p.accuracy), r: crowded ? 3 : 5 }),
    );
  };
  const named = points.length > MOST_NAMES ? first : [...first, ...points.filter((p) => !first.includes(p))];
  return chartOf(
    { ...scatter, width, height },
    axes(area, axis, { scale: y, title: 'worst-case robust accuracy, %', format: wholePercent }),
    scatter.backdrop(x, y),
    points.map(mark),
    placeLabels(
      named.map((p) => ({ x: x(at(p)), y: y(p.accuracy), text: p.row.model.name })),
      area,
    ),
  );
}
