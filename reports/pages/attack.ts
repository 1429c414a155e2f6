/** The page of one attack: what it broke, what only it broke, and what it cost. */
import type { CellRecord } from '../../records/record.ts';
import { devicesOf, indicesOf } from '../../records/record.ts';
import { distanceChart } from '../charts/distances.ts';
import { parameter, percent } from '../formats/format.ts';
import type { Table } from '../formats/table.ts';
import { attackAnchor } from '../view/board-table.ts';
import { type Draws, drawsOf } from '../view/draws.ts';
import { commonImages, outcomesOn, rightOn } from '../view/images.ts';
import { type Found, foundBy, globalOptimality } from '../view/optimality.ts';
import { type AttackView, type Board, boardTitle, isBounded, isClean, isDone, type Row } from '../view/view.ts';
import { isTried } from './try.ts';
import { attackable, boardHref, chartView, flagView, frame, type Site, tableView } from './views.ts';

const ACCESS: Record<CellRecord['attack']['access'], string> = {
  none: 'nothing: it is no attack',
  gradient: 'the gradient of the loss with respect to the image',
  scores: 'the scores of the model, by queries',
  decision: 'the decision of the model, by queries',
  transfer: 'other models only, not this one',
};

/** Images that this attack broke and no other one did, among those that all attacks saw. */
export function uniqueBreaks(row: Row, attack: AttackView): number | null {
  const own = row.cells.get(attack.id);
  const others = [...row.cells].filter(([id, c]) => id !== attack.id && isDone(c) && isBounded(c)).map(([, c]) => c);
  if (!isDone(own) || others.length === 0) return null;
  const images = commonImages([own, ...others]);
  const [broken, kept] = [outcomesOn(images, own), others.map((c) => outcomesOn(images, c))];
  return images.filter((_, i) => broken[i] === '0' && kept.every((outcomes) => outcomes[i] === '1')).length;
}

export function writeAttackPage(site: Site, attack: AttackView): void {
  const { view } = site;
  const record = attack.attack;
  const boards = view.boards.filter((b) => b.attacks.includes(attack));
  const page = site.render('attack', {
    ...frame(site, '../', attack.label, `${record.title}: what it broke on every model and what it cost`),
    label: attack.label,
    title: record.title,
    paper: record.paper === 'none' || record.paper === '' ? undefined : record.paper,
    access: isBounded(attack)
      ? ACCESS[record.access]
      : `${ACCESS[record.access]}; its points may be at any distance from the image, and are in no worst case`,
    tryHref: attackable(site).length > 0 && isTried(record.name) ? `../try.html#attack=${record.name}` : undefined,
    params: [
      ...(record.budget === undefined ? [] : [{ key: 'budget', value: parameter(record.budget) }]),
      ...Object.entries(record.params).map(([key, v]) => ({ key, value: parameter(v) })),
    ],
    boards: boards.map((board) => {
      const first = view.boards[0] === board;
      const rows = board.rows.filter((r) => r.cells.has(attack.id));
      const href = (i: number, j: number) => {
        const base = `../models/${rows[i]?.model.slug}.html`;
        return j === 0 ? base : j < 4 ? `${base}#${attackAnchor(attack, board, first)}` : undefined;
      };
      return {
        title: boardTitle(board),
        href: `../${boardHref(view, board)}`,
        table: tableView(site, `attacks/${attack.slug}`, attackTable(board, attack, rows), '../', href),
        draws: drawsView(site, board, attack),
        nearest: nearestView(site, board, attack),
        flags: rows.flatMap((r) => (r.cells.get(attack.id)?.flags ?? []).map((f) => ({ model: r.model.name, ...flagView(f, '../') }))),
      };
    }),
  });
  site.files.add(`attacks/${attack.slug}.html`, page);
}

/** What its own random numbers make of it; undefined where it ran once. */
function drawsView(site: Site, board: Board, attack: AttackView) {
  const draws = drawsOf(attack, board);
  if (draws.length === 0) return undefined;
  const href = (i: number, j: number) => (j === 0 ? `../models/${draws[i]?.model.slug}.html` : undefined);
  return { table: tableView(site, `attacks/${attack.slug}`, drawsTable(board, attack, draws), '../', href) };
}

function drawsTable(board: Board, attack: AttackView, draws: readonly Draws[]): Table {
  return {
    name: `${board.id}-draws`,
    caption: `${attack.label}, run several times with other random numbers: ${boardTitle(board)}`,
    columns: [
      { key: 'model', title: 'Model', kind: 'text' },
      { key: 'mean', title: 'Mean of the runs', kind: 'accuracy' },
      { key: 'deviation', title: 'Deviation of a run', kind: 'accuracy' },
      { key: 'lowest', title: 'Lowest', kind: 'accuracy' },
      { key: 'highest', title: 'Highest', kind: 'accuracy' },
      { key: 'union', title: 'Union', kind: 'accuracy' },
      { key: 'runs', title: 'Runs', kind: 'count' },
      { key: 'n', title: 'Images', kind: 'count' },
    ],
    rows: draws.map(({ model, accuracies, union, count, n, ...own }) => [
      model.name,
      own.mean,
      own.deviation,
      Math.min(...accuracies),
      Math.max(...accuracies),
      union,
      count,
      n,
    ]),
  };
}

/** How near the nearest errors came; undefined where no record says so. */
function nearestView(site: Site, board: Board, attack: AttackView) {
  const found = board.rows.flatMap((row) => foundBy(attack, row) ?? []);
  if (found.length === 0) return undefined;
  const chart = distanceChart(board, attack, found, site.colours);
  const global = globalOptimality(attack, board);
  return {
    table: tableView(
      site,
      `attacks/${attack.slug}`,
      nearestTable(board, attack, found),
      '../',
      (i) => `../models/${found[i]?.model.slug}.html`,
    ),
    chart: chart && chartView(site, chart, '../'),
    global: global === undefined ? undefined : percent(global),
  };
}

function nearestTable(board: Board, attack: AttackView, found: readonly Found[]): Table {
  return {
    name: `${board.id}-nearest`,
    caption: `The nearest errors that ${attack.label} asked about, within the radius and beyond: ${boardTitle(board)}`,
    columns: [
      { key: 'model', title: 'Model', kind: 'text' },
      { key: 'optimality', title: 'Optimality', kind: 'accuracy' },
      { key: 'median_distance', title: `Median distance (${board.threat.norm})`, kind: 'number' },
      { key: 'found', title: 'Errors found', kind: 'count' },
      { key: 'n', title: 'Images', kind: 'count' },
    ],
    rows: found.map(({ model, local, median, found: count, images }) => [model.name, local ?? null, median ?? null, count, images]),
  };
}

function attackTable(board: Board, attack: AttackView, rows: readonly Row[]): Table {
  return {
    name: board.id,
    caption: `${attack.label} on every model, in the order of the leaderboard: ${boardTitle(board)}`,
    columns: [
      { key: 'model', title: 'Model', kind: 'text' },
      { key: 'robust_accuracy', title: 'Robust accuracy', kind: 'accuracy' },
      { key: 'low', title: 'Low', kind: 'accuracy' },
      { key: 'high', title: 'High', kind: 'accuracy' },
      { key: 'n', title: 'Images', kind: 'count' },
      { key: 'broken', title: 'Broken', kind: 'count' },
      { key: 'only_this', title: 'Broken by no other', kind: 'count' },
      { key: 'forward_per_image', title: 'Forward per image', kind: 'number' },
      { key: 'backward_per_image', title: 'Backward per image', kind: 'number' },
      { key: 'seconds', title: 'Seconds', kind: 'number' },
      { key: 'device', title: 'Ran on', kind: 'text', wide: true },
    ],
    rows: rows.map((row) => {
      const cell = row.cells.get(attack.id);
      if (!isDone(cell)) return [row.model.name, null, null, null, null, null, null, null, null, null, null];
      const right = Math.round(cell.accuracy * cell.n);
      const clean = row.clean ? rightOn(indicesOf(cell), row.clean) : cell.n;
      return [
        row.model.name,
        cell.accuracy,
        cell.interval[0],
        cell.interval[1],
        cell.n,
        isClean(cell) ? null : Math.max(0, clean - right),
        isClean(cell) ? null : uniqueBreaks(row, attack),
        cell.passes.forward / cell.n,
        cell.passes.backward / cell.n,
        cell.wallMs / 1000,
        devicesOf(cell).join('; '),
      ];
    }),
  };
}
