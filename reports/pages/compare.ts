/** The comparison of any two models: static data per model that a small script joins, and the tests between neighbours in the table for readers without scripts. */
import { deviceOf } from '../../records/record.ts';
import { scriptJson } from '../formats/json.ts';
import type { Table } from '../formats/table.ts';
import { allImages, labelsOn, outcomesOn } from '../view/images.ts';
import { type Pair, rankText, separated } from '../view/ranking.ts';
import { type Board, boardTitle, isDone, type ModelView, type Row } from '../view/view.ts';
import { frame, type Site, tableView } from './views.ts';

/** Ranked models up to which every pair is in the table; beyond, only neighbours. */
const ALL_PAIRS = 8;

export function writeComparePage(site: Site): void {
  const { view, files } = site;
  if (view.boards.length === 0) return;
  for (const model of view.models) files.add(`data/${model.slug}.js`, modelData(site, model));
  const title = 'Compare two models';
  const page = site.render('compare', {
    ...frame(site, '', title, 'Any two models side by side: the images on which they differ and the test between them', {
      scripts: ['compare.js'],
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
    device: deviceOf(record.provenance),
    classNames: record.dataset.classNames,
    boards: Object.fromEntries(boards),
  };
  return `rampart.add(${scriptJson(model.slug)}, ${scriptJson(data)});\n`;
}

/** Outcomes as one character per image: `1` right, `0` wrong, `-` none. `images` are their indices in the test set; absent where these are 0, 1, 2 ... */
function boardData(board: Board, row: Row) {
  const done = [...row.cells.values()].filter(isDone);
  const images = allImages(done);
  const worst = new Map(row.worst?.images.map((image, i) => [image, row.worst?.outcomes[i] ?? '-']));
  return {
    rank: row.rank ? rankText(row.rank) : null,
    ...(images.some((image, i) => image !== i) && { images }),
    worst: images.map((image) => worst.get(image) ?? '-').join(''),
    labels: labelsOn(images, done),
    attacks: board.attacks.flatMap((a) => {
      const cell = row.cells.get(a.id);
      return isDone(cell) ? [[a.label, outcomesOn(images, cell)]] : [];
    }),
  };
}

/** Pairs in rank order: all of a small board, neighbours of a large one. */
function chosenPairs(board: Board): Pair[] {
  const ordered = board.pairs.map((p) => (p.i < p.j ? p : { ...p, i: p.j, j: p.i, onlyI: p.onlyJ, onlyJ: p.onlyI }));
  const ranked = board.rows.filter((r) => r.rank).length;
  const chosen = ranked <= ALL_PAIRS ? ordered : ordered.filter((p) => p.j === p.i + 1);
  return chosen.sort((a, b) => a.i - b.i || a.j - b.j);
}

function pairView(site: Site, board: Board) {
  const pairs = chosenPairs(board);
  const name = (i: number) => (board.rows[i] as Row).model;
  const table: Table = {
    name: `pairs-${board.id}`,
    caption: `${boardTitle(board)}: exact McNemar tests on worst-case outcomes${board.rows.filter((r) => r.rank).length > ALL_PAIRS ? ' between neighbours in the table' : ''}; p after Holm's correction over all ${board.pairs.length} pairs of the table`,
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
    rows: pairs.map((p) => [name(p.i).name, name(p.j).name, p.n, p.onlyI, p.onlyJ, p.p, p.adjusted, separated(p)]),
  };
  return tableView(site, 'downloads', table, '', (row, column) => {
    const pair = pairs[row];
    return pair && column < 2 ? `models/${name(column === 0 ? pair.i : pair.j).slug}.html` : undefined;
  });
}
