/** Robustness against training cost, with the Pareto front: which defense buys the most robustness for the compute. */
import { line } from 'd3-shape';
import { compact, interval, percent } from '../format.ts';
import type { Board, Row } from '../leaderboard.ts';
import { boardTitle, trainingPasses } from '../leaderboard.ts';
import { element, picture } from '../svg.ts';
import { areaOf, axes, type Chart, linear, logarithmic, logTicks, placeLabels, series } from './frame.ts';

interface Point {
  readonly row: Row;
  readonly cost: number;
  readonly accuracy: number;
}

/** The points that no other one beats: none is as cheap and more robust, or as robust and cheaper. From cheap to dear. */
export function paretoFront<T extends { cost: number; accuracy: number }>(points: readonly T[]): T[] {
  const sorted = [...points].sort((a, b) => a.cost - b.cost || b.accuracy - a.accuracy);
  const front: T[] = [];
  for (const p of sorted) {
    const best = front[front.length - 1];
    if (!best || p.accuracy > best.accuracy) front.push(p);
  }
  return front;
}

/** Undefined where fewer than two models were trained here and attacked. */
export function costChart(board: Board, colours: ReadonlyMap<string, number>): Chart | undefined {
  const points: Point[] = board.rows.flatMap((row) => {
    const cost = trainingPasses(row.model.record);
    return row.worst && cost > 0 ? [{ row, cost, accuracy: row.worst.accuracy }] : [];
  });
  if (points.length < 2) return undefined;
  const width = 720;
  const height = 380;
  const area = areaOf(width, height);
  const x = logarithmic(
    points.map((p) => p.cost),
    [area.left, area.right],
  );
  const highest = Math.max(...points.map((p) => p.row.worst?.interval[1] ?? 0));
  const y = linear([0, highest], [area.bottom, area.top]);
  const front = paretoFront(points);
  const path = line<Point>(
    (p) => x(p.cost),
    (p) => y(p.accuracy),
  ).digits(2)(front);
  const id = `${board.id}-cost`;
  const title = `Robustness against training cost: ${boardTitle(board)}`;
  const description = `Worst-case robust accuracy of ${points.length} models against passes of training, on a logarithmic scale. On the Pareto front, from cheap to dear: ${front
    .slice(0, 8)
    .map((p) => `${p.row.model.name} ${percent(p.accuracy)} %`)
    .join(', ')}${front.length > 8 ? ` and ${front.length - 8} more` : ''}.`;
  const mark = (p: Point) =>
    element(
      'g',
      { class: `mark ${series(colours.get(p.row.model.record.defense.name) ?? 0)}` },
      element(
        'title',
        {},
        `${p.row.model.name}: ${percent(p.accuracy)} % [${interval(p.row.worst?.interval ?? [0, 1])}], ${compact(p.cost)} training passes`,
      ),
      points.length > 60
        ? undefined
        : element('line', { x1: x(p.cost), x2: x(p.cost), y1: y(p.row.worst?.interval[0] ?? 0), y2: y(p.row.worst?.interval[1] ?? 0) }),
      element('circle', { cx: x(p.cost), cy: y(p.accuracy), r: points.length > 60 ? 3 : 5 }),
    );
  const labelled = [...front, ...(points.length <= 24 ? points.filter((p) => !front.includes(p)) : [])];
  const svg = picture(
    { id, title, description, width, height },
    axes(
      area,
      { scale: x, title: 'training passes (forward + backward, summed over examples)', ticks: logTicks(x) },
      { scale: y, title: 'worst-case robust accuracy, %', format: (v) => String(Math.round(v * 100)) },
    ),
    path ? element('path', { class: 'front', d: path }) : undefined,
    points.map(mark),
    placeLabels(
      labelled.map((p) => ({ x: x(p.cost), y: y(p.accuracy), text: p.row.model.name })),
      area,
    ),
  );
  return {
    id,
    title,
    description,
    svg,
    table: {
      name: id,
      caption: title,
      columns: [
        { key: 'model', title: 'Model', kind: 'text' },
        { key: 'training_passes', title: 'Training passes', kind: 'count' },
        { key: 'training_ms', title: 'Training time, ms', kind: 'count' },
        { key: 'worst_case', title: 'Worst case', kind: 'accuracy' },
        { key: 'low', title: 'Low', kind: 'accuracy' },
        { key: 'high', title: 'High', kind: 'accuracy' },
        { key: 'pareto', title: 'On the front', kind: 'text' },
      ],
      rows: points.map((p) => [
        p.row.model.name,
        p.cost,
        Math.round(p.row.model.record.cost.wallMs),
        p.accuracy,
        p.row.worst?.interval[0] ?? null,
        p.row.worst?.interval[1] ?? null,
        front.includes(p),
      ]),
    },
  };
}
