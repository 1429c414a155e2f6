/** Robustness against training cost, with the Pareto front: which defense buys the most robustness for the compute. */
import { line } from 'd3-shape';
import { deviceOf } from '../../records/record.ts';
import { compact, interval, percent } from '../formats/format.ts';
import { element } from '../formats/svg.ts';
import { type Board, boardTitle, trainingPasses } from '../view/view.ts';
import { type Chart, logarithmic, logTicks } from './frame.ts';
import { type Point, scatterChart } from './scatter.ts';

interface Priced extends Point {
  readonly cost: number;
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

/** Undefined where fewer than two ranked models were trained here. */
export function costChart(board: Board, colours: ReadonlyMap<string, number>): Chart | undefined {
  const points: Priced[] = board.rows.flatMap((row) => {
    const cost = trainingPasses(row.model.record);
    return row.rank && row.worst && cost > 0 ? [{ row, cost, accuracy: row.worst.accuracy }] : [];
  });
  if (points.length < 2) return undefined;
  const front = paretoFront(points);
  const best = front.slice(0, 8).map((p) => `${p.row.model.name} ${percent(p.accuracy)} %`);
  const more = front.length > 8 ? ` and ${front.length - 8} more` : '';
  return scatterChart(
    {
      id: `${board.id}-cost`,
      title: `Robustness against training cost: ${boardTitle(board)}`,
      description: `Worst-case robust accuracy of ${points.length} models against passes of training, on a logarithmic scale. On the Pareto front, from cheap to dear: ${best.join(', ')}${more}.`,
      points,
      at: (p) => p.cost,
      axis: (range) => {
        const costs = points.map((p) => p.cost);
        const scale = logarithmic(costs, range);
        return { scale, title: 'training passes (forward + backward, summed over examples)', ticks: logTicks(scale) };
      },
      highest: Math.max(...points.map((p) => p.row.worst?.interval[1] ?? 0)),
      backdrop: (x, y) => {
        const path = line<Priced>(
          (p) => x(p.cost),
          (p) => y(p.accuracy),
        ).digits(2)(front);
        return path ? element('path', { class: 'front', d: path }) : undefined;
      },
      hover: (p) =>
        `${p.row.model.name}: ${percent(p.accuracy)} % [${interval(p.row.worst?.interval ?? [0, 1])}], ${compact(p.cost)} training passes`,
      intervals: true,
      first: front,
      columns: [
        { key: 'model', title: 'Model', kind: 'text' },
        { key: 'training_passes', title: 'Training passes', kind: 'count' },
        { key: 'training_ms', title: 'Training time, ms', kind: 'count' },
        { key: 'device', title: 'Trained on', kind: 'text' },
        { key: 'worst_case', title: 'Worst case', kind: 'accuracy' },
        { key: 'low', title: 'Low', kind: 'accuracy' },
        { key: 'high', title: 'High', kind: 'accuracy' },
        { key: 'pareto', title: 'On the front', kind: 'text' },
      ],
      rows: points.map((p) => [
        p.row.model.name,
        p.cost,
        Math.round(p.row.model.record.cost.wallMs),
        deviceOf(p.row.model.record.provenance),
        p.accuracy,
        p.row.worst?.interval[0] ?? null,
        p.row.worst?.interval[1] ?? null,
        front.includes(p),
      ]),
    },
    colours,
  );
}
