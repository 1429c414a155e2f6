/** The page of one board: the answer in a sentence, the table, and what it means in pictures. */

import { costChart } from '../charts/cost.ts';
import { attackHeatmap, classHeatmap } from '../charts/heatmap.ts';
import { securityCurves, survivorCharts } from '../charts/lines.ts';
import { accuracyChart, seedChart } from '../charts/points.ts';
import { interval, percent, pValue } from '../formats/format.ts';
import { narrow, printed } from '../formats/table.ts';
import { type BoardColumn, boardColumns, boardTable, unevenImages, worstCaseImages } from '../view/board-table.ts';
import { rankText, separated } from '../view/ranking.ts';
import { answerOf } from '../view/seeds/answer.ts';
import { hasSeeds } from '../view/seeds/rows.ts';
import { defenseTable, pairTable } from '../view/seeds/tables.ts';
import { type Board, boardTitle, type DefenseRow, isBounded, isClean, nearBoards, type Row, usualAttacks } from '../view/view.ts';
import { boardHref, chartView, downloads, flagView, frame, type Site, tableRows, tableView } from './views.ts';
import { timeChart, worthPart } from './worth.ts';

/** A cell of the page's table: a linked value, its sorting value where the text does not sort, and a note. */
interface PageCell {
  readonly href: string | undefined;
  readonly text: string;
  readonly sort: string | undefined;
  readonly note: string | undefined;
  readonly bar: string | undefined;
  readonly mark: string | undefined;
}

export function writeBoardPage(site: Site, board: Board): void {
  const { view, files } = site;
  const first = view.boards[0] === board;
  const sameImages = new Set(board.rows.map((r) => r.worst?.n)).size === 1;
  const all = boardColumns(board, first);
  const isEmpty = (c: BoardColumn) => !c.shown && board.rows.every((row) => c.value(row) === null);
  // a number of images that is the same everywhere stands above the table
  const columns = all.filter((c) => !c.filesOnly && !isEmpty(c) && !(sameImages && c.key === 'n'));
  const table = boardTable(board, all);
  const dir = `downloads/${board.id}`;
  const links = downloads(site, dir, table, '');
  const charts = [costChart(board, site.colours), attackHeatmap(board)].flatMap((c) => (c ? [chartView(site, c, '')] : []));
  const more = moreCharts(site, board);
  const title = boardTitle(board);
  const distinct = (value: (row: Row) => string) => [...new Set(board.rows.map(value))].sort();
  const page = site.render('board', {
    ...frame(site, '', first ? site.title : title, `Robust accuracy of ${board.rows.length} models on ${title}`, {
      scripts: ['board.js'],
      current: board.id,
      wide: true,
      hide: columns.flatMap((c, i) => (c.shown ? [] : [i])).join(' '),
    }),
    title,
    about: site.description,
    facts: facts(board),
    near: nearBoards(board, view.boards).map((b) => ({ title: boardTitle(b), href: boardHref(view, b) })),
    unlike: unlikeAttacks(board),
    headline: headline(board),
    ...defensesPart(site, board, dir),
    ...worthPart(site, board, dir),
    outcomes: `${dir}/outcomes.csv`,
    outcomesNpz: `${dir}/outcomes.npz`,
    links,
    columns: columns.map((c, i) => ({
      index: i,
      key: c.key,
      title: c.title,
      help: c.help,
      numeric: c.numeric ?? c.kind !== 'text',
      checked: c.shown,
      attack: c.attack !== undefined && !isClean(c.attack),
    })),
    choosable: columns.flatMap((c, i) => (c.group === 'model' ? [] : [{ index: i, title: c.title, checked: c.shown }])),
    filters: {
      architectures: distinct((r) => r.model.record.arch.name),
      defenses: distinct((r) => r.model.record.defense.name),
      attacks: columns.flatMap((c, i) => (c.attack && !isClean(c.attack) ? [{ index: i, title: c.title }] : [])),
      flags: [...new Set(board.rows.flatMap((r) => r.flags.map((f) => f.flag.name)))].sort(),
    },
    rows: board.rows.map((row) => ({ unranked: row.rank === undefined, cells: columns.map((c) => pageCell(board, row, c)) })),
    charts,
    more: more ? `pictures-${board.id}.html` : undefined,
    unranked: board.rows
      .filter((r) => r.rank === undefined)
      .map((r) => ({ name: r.model.name, href: `models/${r.model.slug}.html`, flags: r.flags.map((f) => flagView(f.flag, '')) })),
  });
  files.add(boardHref(view, board), page);
}

/** The pictures beyond the first two, on a page of their own; false where there are none. */
function moreCharts(site: Site, board: Board): boolean {
  const charts = [
    timeChart(site, board),
    accuracyChart(board, site.colours),
    classHeatmap(board),
    ...securityCurves(site.view, board, site.colours),
    ...survivorCharts(board, site.colours),
    seedChart(board, site.colours),
  ].flatMap((c) => (c ? [chartView(site, c, '')] : []));
  if (charts.length === 0) return false;
  const title = `Pictures: ${boardTitle(board)}`;
  site.files.add(
    `pictures-${board.id}.html`,
    site.render('pictures', {
      ...frame(site, '', title, `Charts of the results on ${boardTitle(board)}`),
      title,
      back: boardHref(site.view, board),
      charts,
    }),
  );
  return true;
}

/** The table of defenses, and the answer that it gives, where several seeds of some were trained. */
function defensesPart(site: Site, board: Board, dir: string) {
  if (!hasSeeds(board.defenses)) return {};
  const table = defenseTable(board);
  const shown = table.columns.map((c) => !c.wide);
  const page = ({ rows }: DefenseRow) => `models/${(rows[0] as Row).model.slug}.html#seeds`;
  const seen = narrow(table);
  const { files, ...view } = tableView(site, dir, table, '');
  const rows = tableRows(seen, (row, column) => (column === 0 && shown[0] ? page(board.defenses[row] as DefenseRow) : undefined));
  const [pairs] = downloads(site, dir, pairTable(board), '');
  const answer = answerOf(board);
  return {
    defenses: {
      ...view,
      ...rows,
      caption: 'Robust accuracy in percent, mean over seeds',
      files: [...files, ...(pairs ? [{ ...pairs, text: 'All pairs (CSV)' }] : [])],
    },
    answer: answer && { ...answer, href: page(board.defenses[0] as DefenseRow) },
  };
}

/** What the table is about, in short facts. */
function facts(board: Board): string {
  const images = worstCaseImages(board);
  const uneven = unevenImages(board);
  const attacks = board.attacks.filter((a) => !isClean(a)).length;
  const count = (n: number, one: string) => `${n} ${one}${n === 1 ? '' : 's'}`;
  const seeds = hasSeeds(board.defenses) ? '' : ' (one seed each: intervals and ranks are over test images alone)';
  return [
    `${count(board.rows.length, 'model')}${board.rows.some((r) => r.model.record.defense.kind === 'training') ? seeds : ''}`,
    count(attacks, 'attack') + apart(board),
    images ? `${images} test images${uneven && ` (${uneven}, the others on ${board.n})`}` : 'no results',
  ].join(', ');
}

/** Which models were put to other numbers of attacks than most: more of them break more. */
function unlikeAttacks(board: Board): string | undefined {
  const usual = usualAttacks(board);
  const counts = board.rows.flatMap(({ worst }) => (worst && worst.attacks !== usual ? [worst.attacks] : []));
  if (counts.length === 0) return undefined;
  const models = `${counts.length} ${counts.length === 1 ? 'worst case is' : 'worst cases are'}`;
  const range = [...new Set([Math.min(...counts), Math.max(...counts)])].join(' to ');
  return `${models} over ${range} attacks where most are over ${usual}: more attacks break more, and the number stands beside them.`;
}

/** Which attacks keep to no radius, in words. */
function apart(board: Board): string {
  const free = board.attacks.filter((a) => !isBounded(a)).map((a) => a.label);
  return free.length === 0 ? '' : ` (of which ${free.join(', ')} without a radius, in no worst case)`;
}

/** The first thing a reader wants to know: which is best, how sure that is, and what it costs. */
function headline(board: Board) {
  const ranked = board.rows.filter((r) => r.rank && r.worst);
  const best = ranked[0];
  if (!best?.worst || !best.rank) return undefined;
  // ranked rows come first, so that the best one is row 0 of every pair it is in
  const pairs = board.pairs.filter((p) => p.i === 0 || p.j === 0).map((p) => ({ pair: p, other: board.rows[p.i + p.j] as Row }));
  const ties = ranked.filter((r) => pairs.some(({ pair, other }) => other === r && !separated(pair)));
  const undefended = ranked.find((r) => r !== best && r.model.record.defense.role === 'baseline');
  const next = ranked.find((r) => r !== best && !ties.includes(r));
  const p = pairs.find(({ other }) => other === next)?.pair;
  return {
    name: best.model.name,
    href: `models/${best.model.slug}.html`,
    accuracy: percent(best.worst.accuracy),
    interval: interval(best.worst.interval),
    rank: rankText(best.rank),
    attacks: best.worst.attacks,
    several: best.worst.attacks > 1,
    none: best.worst.k === 0,
    n: best.worst.n,
    sameImages: best.clean !== undefined && best.clean.n !== best.worst.n,
    ties: ties.length === 0 ? undefined : tiesText(ties),
    next:
      ties.length === 0 && next?.worst && p
        ? { name: next.model.name, accuracy: percent(next.worst.accuracy), p: pValue(p.adjusted) }
        : undefined,
    ratio: best.ratio && best.model.record.defense.role !== 'baseline' ? Number(best.ratio.passes.toPrecision(2)).toString() : undefined,
    undefended: undefended?.worst ? { accuracy: percent(undefended.worst.accuracy) } : undefined,
    clean: best.worst.clean === undefined ? undefined : percent(best.worst.clean),
  };
}

function tiesText(ties: readonly Row[]): string {
  const names = ties.slice(0, 3).map((r) => r.model.name);
  if (ties.length > 3) names.push(`${ties.length - 3} more`);
  return names.length === 1 ? (names[0] as string) : `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}

function pageCell(board: Board, row: Row, column: BoardColumn): PageCell {
  const value = column.value(row);
  const record = column.attack && row.cells.get(column.attack.id);
  const failed = record?.status === 'failed';
  const empty = value === null || value === '';
  const text = failed ? 'failed' : typeof value === 'number' && column.print ? column.print(value) : printed(value, column);
  const page = `models/${row.model.slug}.html`;
  return {
    href: column.plain || (empty && !failed) ? undefined : column.anchor ? `${page}#${column.anchor}` : page,
    text,
    // a number with a unit does not sort by its text
    sort: typeof value === 'number' && /[a-z]/i.test(text) ? String(value) : undefined,
    note: empty ? undefined : column.note?.(row, board),
    bar: column.bar && typeof value === 'number' ? percent(value) : undefined,
    mark: record && record.flags.length > 0 ? '*' : undefined,
  };
}
