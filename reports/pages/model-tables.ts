/** Where one model errs: accuracy by class, and what it takes one class for another. */
import { type CellRecord, indicesOf, type ModelRecord } from '../../records/record.ts';
import { canonical } from '../../records/slug.ts';
import { classRates } from '../charts/heatmap.ts';
import { duration, parameters } from '../formats/format.ts';
import type { Table } from '../formats/table.ts';
import { labelsOn, outcomesOn } from '../view/images.ts';
import {
  type Board,
  boardTitle,
  type Corruptions,
  type Difference,
  isBounded,
  isClean,
  isDone,
  type Overfitting,
  type Row,
} from '../view/view.ts';

/** Clean and worst-case accuracy of every class. */
export function classTable(board: Board, row: Row): Table {
  const names = board.dataset.classNames;
  const images = row.worst?.images ?? (row.clean ? indicesOf(row.clean) : []);
  const labels = labelsOn(images, [...row.cells.values()].filter(isDone));
  const clean = row.clean ? classRates(outcomesOn(images, row.clean), labels, names.length) : [];
  const worst = row.worst ? classRates(row.worst.outcomes, labels, names.length) : [];
  const count = names.map((_, c) => labels.filter((l) => l === c).length);
  return {
    name: 'classes',
    caption: `Accuracy by class on ${images.length} images: ${boardTitle(board)}`,
    columns: [
      { key: 'class', title: 'Class', kind: 'text' },
      { key: 'images', title: 'Images', kind: 'count' },
      { key: 'clean', title: 'Clean', kind: 'accuracy' },
      { key: 'worst_case', title: 'Worst case', kind: 'accuracy' },
    ],
    rows: names.map((name, c) => [name, count[c] as number, clean[c] ?? null, worst[c] ?? null]),
  };
}

/** The best and the final epoch of one training under every attack that both were put to. */
export function overfittingTable(board: Board, { best, last, byAttack, worst }: Overfitting): Table {
  const line = (name: string, d: Difference) => [name, d.best, d.last, d.value, ...d.interval, d.n, d.onlyBest, d.onlyLast, d.p];
  return {
    name: `overfitting-${board.id}`,
    caption: `Robust overfitting: ${best.name} against ${last.name}, two epochs of one training, on the same images of ${boardTitle(board)}; 95 % intervals of a paired difference, p of an exact McNemar test`,
    columns: [
      { key: 'attack', title: 'Attack', kind: 'text' },
      { key: 'best', title: 'Best epoch', kind: 'accuracy' },
      { key: 'last', title: 'Final epoch', kind: 'accuracy' },
      { key: 'difference', title: 'Best − last', kind: 'accuracy' },
      { key: 'low', title: 'Low', kind: 'accuracy' },
      { key: 'high', title: 'High', kind: 'accuracy' },
      { key: 'n', title: 'Images', kind: 'count' },
      { key: 'only_best', title: 'Right at the best alone', kind: 'count' },
      { key: 'only_last', title: 'Right at the final alone', kind: 'count' },
      { key: 'p', title: 'p', kind: 'number' },
    ],
    rows: [
      ...byAttack.map(({ attack, difference }) => line(isClean(attack) ? 'no attack' : attack.label, difference)),
      ...(worst ? [line('worst case', worst)] : []),
    ],
  };
}

/** Accuracy on corrupted images by corruption and severity. */
export function corruptionTable({ rows, relative, accuracy }: Corruptions): Table {
  const severities = [...new Set(rows.flatMap(({ cells }) => cells.map(({ threat }) => threat.severity)))].sort();
  const n = [...new Set(rows.flatMap(({ cells }) => cells.map((cell) => cell.n)))].join(' or ');
  return {
    name: 'corruptions',
    caption: `Accuracy on ${n} corrupted images by corruption and severity${relative ? `; errors against those of ${relative.baseline.name}` : ''}`,
    columns: [
      { key: 'corruption', title: 'Corruption', kind: 'text' },
      ...severities.map((s) => ({ key: `severity_${s}`, title: String(s), kind: 'accuracy' as const })),
      { key: 'mean', title: 'Mean', kind: 'accuracy' },
      ...(relative ? [{ key: 'error', title: 'CE', kind: 'accuracy' as const }] : []),
    ],
    rows: [
      ...rows.map((row) => [
        row.title,
        ...severities.map((s) => row.cells.find(({ threat }) => threat.severity === s)?.accuracy ?? null),
        row.accuracy,
        ...(relative ? [row.error ?? null] : []),
      ]),
      ['all', ...severities.map(() => null), accuracy, ...(relative ? [relative.mce] : [])],
    ],
  };
}

/** What the parameters of a model were chosen from, a trial a row, in the order of the suite; undefined where they were given. */
export function trialsTable({ tuning }: ModelRecord): Table | undefined {
  if (!tuning) return undefined;
  const differing = [...new Set(tuning.trials.flatMap(({ params }) => Object.keys(params)))].filter(
    (name) => new Set(tuning.trials.map(({ params }) => canonical(params[name]))).size > 1,
  );
  const given = (params: Record<string, unknown>) => parameters(Object.fromEntries(differing.map((name) => [name, params[name]])));
  return {
    name: 'trials',
    caption: `Trials on the validation split, with ${tuning.budget} passes per training image together; the best was trained in full`,
    columns: [
      { key: 'parameters', title: 'Parameters', kind: 'text' },
      { key: 'epochs', title: 'Epochs', kind: 'count' },
      { key: 'passes', title: 'Training passes', kind: 'count' },
      { key: 'time', title: 'Time', kind: 'text' },
      { key: 'pgd', title: 'Validation PGD', kind: 'accuracy' },
      { key: 'clean', title: 'Validation clean', kind: 'accuracy' },
      { key: 'chosen', title: 'Chosen', kind: 'text' },
      { key: 'record', title: 'Record', kind: 'text', wide: true },
    ],
    rows: tuning.trials.map(({ key, params, epochs, passes, wallMs, validation }, i) => [
      given(params),
      epochs,
      passes.forward + passes.backward,
      duration(wallMs),
      validation.pgd,
      validation.clean,
      i === tuning.chosen,
      key,
    ]),
  };
}

/** Classes up to which the whole matrix is shown; beyond, its largest entries are. */
const WHOLE_MATRIX = 20;

/** Confusions without attack and under the strongest one. */
export function confusionTables(board: Board, row: Row): Table[] {
  const done = [...row.cells.values()].filter(isDone);
  const attacked = done.filter((c) => !isClean(c) && isBounded(c)).sort((a, b) => a.accuracy - b.accuracy || (a.key < b.key ? -1 : 1));
  const strongest = attacked[0];
  return [row.clean, strongest].flatMap((cell) => (cell ? [confusionTable(board, cell)] : []));
}

function confusionTable(board: Board, cell: CellRecord): Table {
  const names = board.dataset.classNames;
  const counts = names.map(() => names.map(() => 0));
  for (let i = 0; i < cell.n; i++) {
    const line = counts[cell.outcomes.labels[i] as number];
    const to = cell.outcomes.predictions[i] as number;
    if (line && to in line) line[to] = (line[to] as number) + 1;
  }
  const what = isClean(cell) ? 'without attack' : `under ${cell.attack.label}`;
  const name = isClean(cell) ? 'confusion-clean' : 'confusion-attacked';
  if (names.length <= WHOLE_MATRIX) {
    return {
      name,
      caption: `Predicted class (column) for each true class (row) ${what}, ${cell.n} images`,
      columns: [{ key: 'class', title: 'True class', kind: 'text' }, ...names.map((c) => ({ key: c, title: c, kind: 'count' as const }))],
      rows: counts.map((line, c) => [names[c] as string, ...line]),
    };
  }
  const errors = counts.flatMap((line, from) => line.flatMap((count, to) => (from !== to && count > 0 ? [{ from, to, count }] : [])));
  errors.sort((a, b) => b.count - a.count || a.from - b.from || a.to - b.to);
  return {
    name,
    caption: `The most frequent confusions ${what}, ${cell.n} images`,
    columns: [
      { key: 'class', title: 'True class', kind: 'text' },
      { key: 'predicted', title: 'Taken for', kind: 'text' },
      { key: 'count', title: 'Images', kind: 'count' },
    ],
    rows: errors.slice(0, 30).map((e) => [names[e.from] as string, names[e.to] as string, e.count]),
  };
}
