/** The comparison of any two models: static data per model that a small script joins, and the tests between neighbours in rank for readers without scripts. */
import { scriptJson } from '../formats/json.ts';
import type { Table } from '../formats/table.ts';
import { type Board, boardTitle, type ModelView, type Row } from '../view/leaderboard.ts';
import type { Pair } from '../view/ranking.ts';
import { frame, type Site, tableView } from './views.ts';

/** Models up to which every pair is in the table; beyond, only neighbours in rank. */
const ALL_PAIRS = 8;

export function writeComparePage(site: Site): void {
  const { view, files } = site;
  if (view.boards.length === 0) return;
  for (const model of view.models) files.add(`data/${model.slug}.js`, modelData(site, model));
  const title = 'Compare two models';
  const page = site.render('compare', {
    ...frame(site, '', title, 'Any two models side by side: the images on which they differ and the test between them', {
      script: 'compare.js',
      current: 'compare',
    }),
    title,
    boards: view.boards.map((b) => ({
      id: b.id,
      title: boardTitle(b),
      models: b.rows.filter((r) => r.worst).map((r) => ({ slug: r.model.slug, name: r.model.name })),
    })),
    tables: view.boards.filter((b) => b.pairs.length > 0).map((b) => ({ title: boardTitle(b), table: pairView(site, b) })),
  });
  files.add('compare.html', page);
}

function modelData(site: Site, model: ModelView): string {
  const boards = site.view.boards.flatMap((board) => {
    const row = board.rows.find((r) => r.model === model);
    return row ? [[board.id, boardData(board, row)] as const] : [];
  });
  const { record } = model;
  const passes = record.cost.passes.forward + record.cost.passes.backward;
  const data = {
    name: model.name,
    defense: record.defense.title,
    arch: record.arch.name,
    parameters: record.arch.parameters,
    passes,
    wallMs: Math.round(record.cost.wallMs),
    classNames: record.dataset.classNames,
    boards: Object.fromEntries(boards),
  };
  return `rampart.add(${scriptJson(model.slug)}, ${scriptJson(data)});\n`;
}

function boardData(board: Board, row: Row) {
  const done = board.attacks.flatMap((a) => {
    const cell = row.cells.get(a.id);
    return cell?.status === 'done' ? [{ label: a.label, robust: cell.outcomes.robust, labels: cell.outcomes.labels }] : [];
  });
  const longest = done.reduce((best, c) => (c.robust.length > (best?.robust.length ?? 0) ? c : best), done[0]);
  return {
    rank: row.rank ?? null,
    worst: row.worst?.outcomes ?? '',
    labels: longest?.labels ?? [],
    attacks: done.map((c) => [c.label, c.robust]),
  };
}

/** Pairs in rank order: all of a small board, neighbours of a large one. */
function chosenPairs(board: Board): Pair[] {
  const ordered = board.pairs.map((p) => (p.i < p.j ? p : { ...p, i: p.j, j: p.i, onlyI: p.onlyJ, onlyJ: p.onlyI }));
  const ranked = board.rows.filter((r) => r.rank !== undefined).length;
  const chosen = ranked <= ALL_PAIRS ? ordered : ordered.filter((p) => p.j === p.i + 1);
  return chosen.sort((a, b) => a.i - b.i || a.j - b.j);
}

function pairView(site: Site, board: Board) {
  const pairs = chosenPairs(board);
  const name = (i: number) => (board.rows[i] as Row).model;
  const table: Table = {
    name: `pairs-${board.id}`,
    caption: `${boardTitle(board)}: exact McNemar tests on worst-case outcomes${board.rows.length > ALL_PAIRS ? ' between neighbours in rank' : ''}; p after Holm's correction over all ${board.pairs.length} pairs of the table`,
    columns: [
      { key: 'first', title: 'First', kind: 'text' },
      { key: 'second', title: 'Second', kind: 'text' },
      { key: 'images', title: 'Images', kind: 'count' },
      { key: 'only_first', title: 'Only first right', kind: 'count' },
      { key: 'only_second', title: 'Only second right', kind: 'count' },
      { key: 'p', title: 'p', kind: 'number' },
      { key: 'p_holm', title: 'p (Holm)', kind: 'number' },
      { key: 'separated', title: 'Separated at 5 %', kind: 'text' },
    ],
    rows: pairs.map((p) => [name(p.i).name, name(p.j).name, p.n, p.onlyI, p.onlyJ, p.p, p.adjusted, p.adjusted <= 0.05]),
  };
  return tableView(site, 'downloads', table, '', (row, column) => {
    const pair = pairs[row];
    return pair && column < 2 ? `models/${name(column === 0 ? pair.i : pair.j).slug}.html` : undefined;
  });
}
