/** Point charts: clean against robust accuracy, and the spread over seeds. */
import { interval, percent } from '../formats/format.ts';
import { element } from '../formats/svg.ts';
import { nameWithoutSeed } from '../view/seeds/rows.ts';
import { type Board, boardTitle, type Row } from '../view/view.ts';
import { axes, type Chart, chartOf, linear, series, short, whisker, wholePercent } from './frame.ts';
import { scatterChart } from './scatter.ts';

/** Worst-case robust accuracy against clean accuracy; the diagonal is a model that no attack harms. */
export function accuracyChart(board: Board, colours: ReadonlyMap<string, number>): Chart | undefined {
  const points = board.rows.flatMap((row) =>
    row.rank && row.worst?.clean !== undefined ? [{ row, clean: row.worst.clean, accuracy: row.worst.accuracy }] : [],
  );
  if (points.length < 2) return undefined;
  const highest = Math.max(...points.map((p) => p.clean));
  return scatterChart(
    {
      id: `${board.id}-accuracy`,
      title: `Robust against clean accuracy: ${boardTitle(board)}`,
      description:
        'Worst-case robust accuracy against clean accuracy on the same images, one point per ranked model. Up and to the right is better; nothing lies above the diagonal.',
      points,
      at: (p) => p.clean,
      axis: (range) => ({ scale: linear([0, highest], range), title: 'clean accuracy, %', format: wholePercent }),
      highest: Math.max(...points.map((p) => p.accuracy), 0.1),
      backdrop: (x, y) => {
        const end = Math.min(x.domain()[1] as number, y.domain()[1] as number);
        return element('line', { class: 'grid', x1: x(0), y1: y(0), x2: x(end), y2: y(end) });
      },
      hover: (p) => `${p.row.model.name}: clean ${percent(p.clean)} %, worst case ${percent(p.accuracy)} %`,
      columns: [
        { key: 'model', title: 'Model', kind: 'text' },
        { key: 'clean', title: 'Clean', kind: 'accuracy' },
        { key: 'worst_case', title: 'Worst case', kind: 'accuracy' },
      ],
      rows: points.map((p) => [p.row.model.name, p.clean, p.accuracy]),
    },
    colours,
  );
}

/** Worst-case accuracy of every seed of the configurations that have several, with the mean. */
export function seedChart(board: Board, colours: ReadonlyMap<string, number>): Chart | undefined {
  const groups = new Map<unknown, Row[]>();
  for (const row of board.rows.filter((r) => r.seeds && r.worst)) {
    const list = groups.get(row.model.siblings) ?? [];
    groups.set(row.model.siblings, [...list, row]);
  }
  const configurations = [...groups.values()];
  if (configurations.length === 0) return undefined;
  const shown = configurations.slice(0, 30);
  const width = 720;
  const height = 64 + 26 * shown.length;
  const area = { left: 190, right: width - 16, top: 10, bottom: height - 44 };
  const highest = Math.max(...shown.flat().map((r) => r.worst?.interval[1] ?? 0));
  const x = linear([0, highest], [area.left, area.right]);
  const y = linear([0, 1], [area.bottom, area.top]);
  return chartOf(
    {
      id: `${board.id}-seeds`,
      title: `Spread over seeds: ${boardTitle(board)}`,
      description:
        'Worst-case robust accuracy of every seed (points, with their 95 % intervals) and their mean (bar). A difference between defenses that is smaller than the spread is not one.',
      width,
      height,
      columns: [
        { key: 'configuration', title: 'Configuration', kind: 'text' },
        { key: 'seed', title: 'Seed', kind: 'count' },
        { key: 'worst_case', title: 'Worst case', kind: 'accuracy' },
        { key: 'mean', title: 'Mean', kind: 'accuracy' },
        { key: 'standard_deviation', title: 'Standard deviation', kind: 'accuracy' },
      ],
      rows: configurations.flatMap((rows) =>
        rows.map((r) => [
          nameWithoutSeed(r.model.name),
          r.model.record.seed,
          r.worst?.accuracy ?? null,
          r.seeds?.mean ?? null,
          r.seeds?.deviation ?? null,
        ]),
      ),
    },
    axes(area, { scale: x, title: 'worst-case robust accuracy, %', format: wholePercent }, { scale: y, title: '', format: () => '' }),
    shown.map((rows, i) => {
      const at = area.top + 18 + i * 26;
      const first = rows[0] as Row;
      const centre = first.seeds?.mean ?? 0;
      return element(
        'g',
        { class: `mark ${series(colours.get(first.model.record.defense.name) ?? 0)}` },
        element('text', { x: area.left - 8, y: at + 4, 'text-anchor': 'end' }, short(nameWithoutSeed(first.model.name), 26)),
        element('line', { class: 'mean', x1: x(centre), x2: x(centre), y1: at - 9, y2: at + 9 }),
        rows.map((r) =>
          element(
            'g',
            {},
            element('title', {}, `${r.model.name}: ${percent(r.worst?.accuracy ?? 0)} % [${interval(r.worst?.interval ?? [0, 1])}]`),
            whisker((v) => ({ x: x(v), y: at }), r.worst?.interval ?? [0, 0], r.worst?.accuracy ?? 0, 'faint'),
            element('circle', { cx: x(r.worst?.accuracy ?? 0), cy: at, r: 4 }),
          ),
        ),
      );
    }),
  );
}
