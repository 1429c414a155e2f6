/** Heat maps: models by attacks, models by classes, confusions. */
import { scaleLinear } from 'd3-scale';
import { percent } from '../formats/format.ts';
import { element, type Svg } from '../formats/svg.ts';
import { unevenImages } from '../view/board-table.ts';
import { labelsOn } from '../view/images.ts';
import { type Board, boardTitle, isDone } from '../view/view.ts';
import { type Chart, chartOf, short } from './frame.ts';

/** One hue from near white to dark: order survives printing, and colour blindness. */
const ramp = scaleLinear([0, 0.35, 0.7, 1], ['#f4f1e8', '#9cc4d8', '#2f7ea6', '#0b2f52']).clamp(true);

export interface Grid {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** In [0,1], null where there is no value. */
  readonly values: readonly (readonly (number | null)[])[];
  readonly rowTitle: string;
}

/** Most rows that a heat map shows; the rest are in its file. */
export const HEATMAP_ROWS = 25;

export function gridChart(grid: Grid): Chart {
  const rows = grid.rows.slice(0, HEATMAP_ROWS);
  const cellWidth = Math.max(34, Math.min(64, Math.floor(560 / grid.columns.length)));
  const cellHeight = 24;
  const left = 8 + Math.min(24, Math.max(...rows.map((r) => [...r].length), 6)) * 7;
  const top = 70;
  const width = Math.max(left + cellWidth * grid.columns.length + 60, 320);
  const height = top + cellHeight * rows.length + 8;
  return chartOf(
    {
      id: grid.id,
      title: grid.title,
      description: grid.description,
      width,
      height,
      columns: [
        { key: 'model', title: grid.rowTitle, kind: 'text' },
        ...grid.columns.map((name) => ({ key: name, title: name, kind: 'accuracy' as const })),
      ],
      rows: grid.rows.map((name, i) => [name, ...(grid.values[i] ?? [])]),
    },
    grid.columns.map((name, j) =>
      element(
        'text',
        { x: 0, y: 0, transform: `translate(${Math.round(left + (j + 0.5) * cellWidth)} ${top - 8}) rotate(-35)` },
        short(name, 14),
      ),
    ),
    rows.map((name, i) => [
      element('text', { x: left - 6, y: top + i * cellHeight + 16, 'text-anchor': 'end' }, short(name, 24)),
      element(
        'g',
        { class: 'heat', transform: `translate(0 ${top + i * cellHeight})` },
        grid.columns.map((column, j) =>
          heatCell(grid.values[i]?.[j] ?? null, `${name}, ${column}`, left + j * cellWidth, cellWidth, cellHeight),
        ),
      ),
    ]),
  );
}

/** A cell of a row; its place is within that row. */
function heatCell(value: number | null, what: string, x: number, w: number, h: number): Svg {
  const text = value === null ? '–' : percent(value);
  const ink = value === null ? 'on-page' : value > 0.5 ? 'on-dark' : undefined;
  return element(
    'g',
    {},
    element('title', {}, value === null ? `${what}: no result` : `${what}: ${text} %`),
    element('rect', { x, width: w - 1, height: h - 1, fill: value === null ? 'none' : hex(ramp(value)) }),
    element('text', { x: Math.round(x + (w - 1) / 2), y: 16, class: ink }, text),
  );
}

/** `rgb(1, 2, 3)` as `#010203`. */
function hex(rgb: string): string {
  return `#${(rgb.match(/\d+/g) ?? []).map((v) => Number(v).toString(16).padStart(2, '0')).join('')}`;
}

/** Robust accuracy of every model under every attack. */
export function attackHeatmap(board: Board): Chart | undefined {
  const rows = board.rows.filter((r) => r.cells.size > 0);
  if (rows.length === 0) return undefined;
  const more = rows.length > HEATMAP_ROWS ? ` The first ${HEATMAP_ROWS} of ${rows.length} by rank; the file has all.` : '';
  const uneven = unevenImages(board);
  const images = uneven && ` Test images: ${uneven}, the others on ${board.n}.`;
  return gridChart({
    id: `${board.id}-heatmap`,
    title: `Robust accuracy by defense and attack: ${boardTitle(board)}`,
    description: `Percent still classified right, one row per model in the order of the table, one column per attack; darker is more robust.${more}${images}`,
    rowTitle: 'Model',
    rows: rows.map((r) => r.model.name),
    columns: board.attacks.map((a) => a.label),
    values: rows.map((r) =>
      board.attacks.map((a) => {
        const cell = r.cells.get(a.id);
        return isDone(cell) ? cell.accuracy : null;
      }),
    ),
  });
}

/** Worst-case robust accuracy of every model on every class. */
export function classHeatmap(board: Board): Chart | undefined {
  const classes = board.dataset.classNames;
  const rows = board.rows.filter((r) => r.worst);
  if (rows.length === 0 || classes.length > 20) return undefined;
  return gridChart({
    id: `${board.id}-classes`,
    title: `Worst-case robust accuracy by class: ${boardTitle(board)}`,
    description:
      'Percent of the test images of each class that no attack broke; darker is more robust. Classes differ in how hard they are, so read down a column.',
    rowTitle: 'Model',
    rows: rows.map((r) => r.model.name),
    columns: classes,
    values: rows.map((r) => {
      const labels = labelsOn(r.worst?.images ?? [], [...r.cells.values()].filter(isDone));
      return classRates(r.worst?.outcomes ?? '', labels, classes.length);
    }),
  });
}

/** The share of `1` among the images of each class, `labels` being theirs; null for a class without images. */
export function classRates(outcomes: string, labels: readonly number[], classes: number): (number | null)[] {
  const right = new Array<number>(classes).fill(0);
  const count = new Array<number>(classes).fill(0);
  for (let i = 0; i < outcomes.length; i++) {
    const label = labels[i] as number;
    count[label] = (count[label] ?? 0) + 1;
    if (outcomes[i] === '1') right[label] = (right[label] ?? 0) + 1;
  }
  return count.map((n, c) => (n === 0 ? null : (right[c] as number) / n));
}
