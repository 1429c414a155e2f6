/** Line charts: security curves, survivors over iterations, training curves. */
import { line } from 'd3-shape';
import type { ModelRecord } from '../../records/record.ts';
import { norm } from '../../tensor/norms/index.ts';
import { percent, radius } from '../formats/format.ts';
import { element } from '../formats/svg.ts';
import { type Board, boardTitle, isClean, type View } from '../view/view.ts';
import { type Area, areaOf, axes, type Chart, chartOf, linear, type Scale, series, short, wholePercent } from './frame.ts';

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
  readonly colour: number;
  /** The second line of a series is dashed. */
  readonly dashed?: boolean;
}

/** More lines than this cannot be told apart. */
const MOST_LINES = 12;

interface Plot {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly x: { title: string; key: string; format?: (v: number) => string; ticks?: readonly number[] };
  readonly y: { title: string; key: string; percent: boolean };
  readonly lines: readonly Line[];
}

/** Lines with a legend on the right; values on hover at each point. */
export function lineChart(plot: Plot): Chart {
  const shown = plot.lines.slice(0, MOST_LINES);
  const all = shown.flatMap((l) => l.points);
  const width = 720;
  const height = 340;
  const area: Area = { ...areaOf(width, height), right: width - 190 };
  const xs = all.map((p) => p[0]);
  const x = linear([Math.min(...xs, 0), Math.max(...xs)], [area.left, area.right]);
  const ys = all.map((p) => p[1]);
  const y = linear([Math.min(0, ...ys), Math.max(...ys, plot.y.percent ? 0.1 : 0)], [area.bottom, area.top]);
  const format = plot.x.format ?? ((v: number) => String(Number(v.toPrecision(6))));
  const value = (v: number) => (plot.y.percent ? `${percent(v)} %` : String(Number(v.toPrecision(4))));
  const omitted = plot.lines.length > MOST_LINES ? ` The first ${MOST_LINES} of ${plot.lines.length}; the file has all.` : '';
  return chartOf(
    {
      id: plot.id,
      title: plot.title,
      description: plot.description + omitted,
      width,
      height,
      columns: [
        { key: 'line', title: 'Line', kind: 'text' },
        { key: plot.x.key, title: plot.x.title, kind: 'number' },
        { key: plot.y.key, title: plot.y.title, kind: plot.y.percent ? 'accuracy' : 'number' },
      ],
      rows: plot.lines.flatMap((l) => l.points.map(([px, py]) => [l.name, px, py])),
    },
    axes(
      area,
      { scale: x, title: plot.x.title, format, ...(plot.x.ticks ? { ticks: plot.x.ticks } : {}) },
      { scale: y, title: plot.y.title, format: plot.y.percent ? wholePercent : String },
    ),
    shown.map((l) => drawn(l, x, y, (px, py) => `${l.name}: ${value(py)} at ${plot.x.title} ${format(px)}`)),
    shown.map((l, i) =>
      element(
        'g',
        { class: `mark ${series(l.colour)}` },
        element('line', {
          class: l.dashed ? 'dashed' : undefined,
          x1: area.right + 12,
          x2: area.right + 32,
          y1: area.top + 8 + i * 20,
          y2: area.top + 8 + i * 20,
        }),
        element('text', { class: 'label', x: area.right + 38, y: area.top + 12 + i * 20 }, short(l.name, 21)),
      ),
    ),
  );
}

function drawn(l: Line, x: Scale, y: Scale, hover: (px: number, py: number) => string) {
  const path = line<readonly [number, number]>(
    (p) => x(p[0]),
    (p) => y(p[1]),
  ).digits(2)(l.points);
  return element(
    'g',
    { class: `mark line ${series(l.colour)}` },
    path ? element('path', { class: l.dashed ? 'dashed' : undefined, d: path }) : undefined,
    l.points.map((p) =>
      element('circle', { cx: x(p[0]), cy: y(p[1]), r: l.points.length > 40 ? 2 : 3.5 }, element('title', {}, hover(p[0], p[1]))),
    ),
  );
}

/** Robust accuracy against eps, one chart per data set, norm and attack that has results at two radii or more. */
export function securityCurves(view: View, board: Board, colours: ReadonlyMap<string, number>): Chart[] {
  const peers = view.boards.filter((b) => b.dataset.hash === board.dataset.hash && b.threat.norm === board.threat.norm);
  if (peers.length < 2) return [];
  const charts: Chart[] = [];
  for (const attack of board.attacks.filter((a) => !isClean(a))) {
    const lines: Line[] = board.rows.flatMap((row) => {
      const points = new Map<number, number>();
      for (const peer of peers) {
        const same = peer.rows.find((r) => r.model === row.model);
        const cell = same?.cells.get(attack.id);
        if (cell?.status === 'done') points.set(peer.threat.eps, cell.accuracy);
      }
      if (points.size < 2) return [];
      if (row.clean) points.set(0, row.clean.accuracy);
      const sorted = [...points].sort((a, b) => a[0] - b[0]);
      return [{ name: row.model.name, points: sorted, colour: colours.get(row.model.record.defense.name) ?? 0 }];
    });
    if (lines.length === 0) continue;
    charts.push(
      lineChart({
        id: `${board.id}-security-${attack.slug}`,
        title: `Security curve under ${attack.label}: ${board.dataset.name}, ${board.threat.norm}`,
        description: `Robust accuracy under ${attack.label} as the radius grows, from the clean accuracy at 0. A curve that stays up at a radius that no classifier can resist is a sign of hidden gradients.`,
        x: {
          title: `eps (${board.threat.norm})`,
          key: 'eps',
          ticks: [...new Set(lines.flatMap((l) => l.points.map((p) => p[0])))].sort((a, b) => a - b),
          format: (v) => (norm(board.threat.norm).inGreyLevels ? `${Number((v * 255).toFixed(2))}/255` : radius(v)),
        },
        y: { title: 'robust accuracy, %', key: 'robust_accuracy', percent: true },
        lines,
      }),
    );
  }
  return charts;
}

/** Examples still right after each iteration, one chart per attack that recorded it. */
export function survivorCharts(board: Board, colours: ReadonlyMap<string, number>): Chart[] {
  return board.attacks.flatMap((attack) => {
    const lines: Line[] = board.rows.flatMap((row) => {
      const cell = row.cells.get(attack.id);
      if (cell?.status !== 'done' || !cell.survivors || cell.survivors.length < 2) return [];
      const points = cell.survivors.map(([iteration, left]) => [iteration, left / cell.n] as const);
      return [{ name: row.model.name, points, colour: colours.get(row.model.record.defense.name) ?? 0 }];
    });
    if (lines.length === 0) return [];
    return [
      lineChart({
        id: `${board.id}-survivors-${attack.slug}`,
        title: `Survivors over the iterations of ${attack.label}: ${boardTitle(board)}`,
        description:
          'Share of the test images still classified right after each iteration. A line that still falls at the end says that more iterations would break more.',
        x: { title: 'iteration', key: 'iteration' },
        y: { title: 'still right, %', key: 'survivors', percent: true },
        lines,
      }),
    ];
  });
}

/** Accuracies and loss over the epochs of one model's training. */
export function trainingCharts(record: ModelRecord, name: string, id: string): Chart[] {
  if (record.epochs.length < 2) return [];
  const pick = (key: 'trainAccuracy' | 'validationClean' | 'validationFgsm' | 'validationPgd') =>
    record.epochs.flatMap((e) => (e[key] === undefined ? [] : [[e.epoch, e[key]] as const]));
  const lines: Line[] = [
    { name: 'training', points: pick('trainAccuracy'), colour: 0 },
    { name: 'validation, clean', points: pick('validationClean'), colour: 1 },
    { name: 'validation, FGSM', points: pick('validationFgsm'), colour: 2 },
    { name: 'validation, PGD', points: pick('validationPgd'), colour: 3 },
  ].filter((l) => l.points.length > 0);
  const terms = [...new Set(record.epochs.flatMap((e) => Object.keys(e.terms)))];
  const losses: Line[] = [
    { name: 'loss', points: record.epochs.map((e) => [e.epoch, e.loss] as const), colour: 0 },
    ...terms.map((term, i) => ({
      name: term,
      points: record.epochs.flatMap((e) => (e.terms[term] === undefined ? [] : [[e.epoch, e.terms[term]] as const])),
      colour: i + 1,
      dashed: true,
    })),
  ];
  const final = record.recipe.keep === 'last' ? ' The weights of the final epoch were kept.' : '';
  const kept =
    record.bestEpoch === undefined
      ? final
      : ` The weights of epoch ${record.bestEpoch} were kept, by PGD accuracy on the validation split.`;
  return [
    lineChart({
      id: `${id}-accuracy`,
      title: `Accuracy during training: ${name}`,
      description: `Accuracy after each epoch; training accuracy is on what the defense trains on.${kept}`,
      x: { title: 'epoch', key: 'epoch' },
      y: { title: 'accuracy, %', key: 'accuracy', percent: true },
      lines,
    }),
    lineChart({
      id: `${id}-loss`,
      title: `Loss during training: ${name}`,
      description: 'The objective and its named parts, means over each epoch.',
      x: { title: 'epoch', key: 'epoch' },
      y: { title: 'loss', key: 'loss', percent: false },
      lines: losses,
    }),
  ];
}
