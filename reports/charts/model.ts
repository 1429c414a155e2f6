/** Pictures of one model: where its training time went, and which images each attack broke. */
import type { ModelRecord } from '../../records/record.ts';
import { duration } from '../formats/format.ts';
import { element } from '../formats/svg.ts';
import { allImages, labelsOn, outcomesOn } from '../view/images.ts';
import { type Board, boardTitle, isDone, type Row } from '../view/view.ts';
import { type Chart, chartOf, series, short } from './frame.ts';

/** The wall time of training by what it was spent on; nothing for a model that was not trained here. */
export function costSplitChart(record: ModelRecord, name: string, id: string): Chart[] {
  const { split } = record.cost;
  const parts = [
    { what: 'crafting adversarial examples', ms: split.craftMs },
    { what: 'updating the weights', ms: split.updateMs },
    { what: 'validating', ms: split.validateMs },
    { what: 'reading data', ms: split.dataMs },
  ];
  const total = parts.reduce((sum, p) => sum + p.ms, 0);
  if (total <= 0) return [];
  const width = 720;
  const height = 108;
  let at = 10;
  const bars = parts.map((p, i) => {
    const w = (p.ms / total) * (width - 20);
    const bar = element(
      'g',
      { class: `mark ${series(i)}` },
      element('title', {}, `${p.what}: ${duration(p.ms)}, ${Math.round((100 * p.ms) / total)} %`),
      element('rect', { x: at, y: 12, width: w, height: 36 }),
    );
    at += w;
    return bar;
  });
  const legend = parts.map((p, i) =>
    element(
      'g',
      { class: `mark ${series(i)}` },
      element('rect', { x: 10 + (i % 2) * 350, y: 60 + Math.floor(i / 2) * 20, width: 12, height: 12 }),
      element(
        'text',
        { x: 28 + (i % 2) * 350, y: 70 + Math.floor(i / 2) * 20 },
        `${p.what}: ${duration(p.ms)} (${Math.round((100 * p.ms) / total)} %)`,
      ),
    ),
  );
  return [
    chartOf(
      {
        id: `${id}-split`,
        title: `Where the training time went: ${name}`,
        description: `${duration(total)} of training, by what it was spent on.`,
        width,
        height,
        columns: [
          { key: 'part', title: 'Part', kind: 'text' },
          { key: 'ms', title: 'Time, ms', kind: 'count' },
          { key: 'share', title: 'Share', kind: 'accuracy' },
        ],
        rows: parts.map((p) => [p.what, Math.round(p.ms), p.ms / total]),
      },
      bars,
      legend,
    ),
  ];
}

/** Images drawn in the outcomes picture; the file has all. */
const MOST_IMAGES = 512;

/** One line per attack, one column per test image, ink where the image was broken. */
export function outcomesChart(board: Board, row: Row, id: string): Chart | undefined {
  const done = [...row.cells.values()].filter(isDone);
  const images = allImages(done);
  const labels = labelsOn(images, done);
  const lines = board.attacks.flatMap((a) => {
    const cell = row.cells.get(a.id);
    return isDone(cell) ? [{ name: a.label, robust: outcomesOn(images, cell) }] : [];
  });
  if (lines.length === 0) return undefined;
  const n = images.length;
  const unseen = lines.some((l) => l.robust.includes('-'));
  const shown = Math.min(n, MOST_IMAGES);
  const left = 118;
  const width = 720;
  const step = (width - left - 8) / shown;
  const lineHeight = 18;
  const height = 10 + lineHeight * lines.length + 24;
  const drawn = lines.map((l, i) => [
    element('text', { x: left - 6, y: 21 + i * lineHeight, 'text-anchor': 'end' }, short(l.name, 16)),
    unseen
      ? element('path', { class: 'unseen', d: runs(/-+/g, l.robust.slice(0, shown), left, 9 + i * lineHeight, step, lineHeight - 3) })
      : undefined,
    element('path', { class: 'bits', d: runs(/0+/g, l.robust.slice(0, shown), left, 9 + i * lineHeight, step, lineHeight - 3) }),
  ]);
  return chartOf(
    {
      id: `${id}-outcomes`,
      title: `What each attack broke: ${row.model.name}, ${boardTitle(board)}`,
      description: `One column per test image${shown < n ? ` (the first ${shown} of ${n})` : ''}, ink where the prediction is wrong after the attack${unseen ? ', grey where the attack did not see the image' : ''}. Columns without ink are robust.`,
      bulk: true,
      width,
      height,
      columns: [
        { key: 'image', title: 'Image', kind: 'count' },
        { key: 'class', title: 'Class', kind: 'text' },
        ...lines.map((l) => ({ key: l.name, title: l.name, kind: 'count' as const })),
      ],
      rows: images.map((image, i) => [
        image,
        board.dataset.classNames[labels[i] ?? -1] ?? null,
        ...lines.map((l) => (l.robust[i] === '-' ? null : Number(l.robust[i]))),
      ]),
    },
    drawn,
    element('text', { class: 'axis-title', x: left, y: height - 6 }, `test image ${images[0]}`),
    element('text', { class: 'axis-title', x: width - 8, y: height - 6, 'text-anchor': 'end' }, String(images[shown - 1])),
  );
}

/** A path of rectangles, one per run of such outcomes. */
function runs(which: RegExp, robust: string, left: number, top: number, step: number, height: number): string {
  let path = '';
  for (const match of robust.matchAll(which)) {
    const x = Math.round((left + match.index * step) * 100) / 100;
    const w = Math.round(match[0].length * step * 100) / 100;
    path += `M${x} ${top}h${w}v${height}h-${w}z`;
  }
  return path;
}
