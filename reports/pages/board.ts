/** The page of one board: the answer in a sentence, the table, and what it means in pictures. */

import { costChart } from '../charts/cost.ts';
import { attackHeatmap, classHeatmap } from '../charts/heatmap.ts';
import { securityCurves, survivorCharts } from '../charts/lines.ts';
import { accuracyChart, seedChart } from '../charts/points.ts';
import { compact, duration, interval, percent, pValue } from '../formats/format.ts';
import { type BoardColumn, boardColumns, boardTable } from '../view/board-table.ts';
import { type Board, boardTitle, type Row } from '../view/leaderboard.ts';
import { boardHref, chartView, downloads, flagView, frame, type Site } from './views.ts';

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
  // Intervals and spreads stand beside their values; a number of images that is the same everywhere stands above the table.
  const hidden = new Set(['worst_case_low', 'worst_case_high', 'seeds', 'seeds_deviation', ...(sameImages ? ['n'] : [])]);
  const columns = boardColumns(board, first).filter((c) => !hidden.has(c.key));
  const table = boardTable(board, boardColumns(board, first));
  const dir = `downloads/${board.id}`;
  const links = downloads(site, dir, table, '');
  const charts = [costChart(board, site.colours), attackHeatmap(board)].flatMap((c) => (c ? [chartView(site, c, '')] : []));
  const more = moreCharts(site, board);
  const title = boardTitle(board);
  const distinct = (value: (row: Row) => string) => [...new Set(board.rows.map(value))].sort();
  const page = site.render('board', {
    ...frame(site, '', first ? site.title : title, `Robust accuracy of ${board.rows.length} models on ${title}`, {
      script: 'board.js',
      current: board.id,
      wide: true,
      hide: columns.flatMap((c, i) => (c.shown ? [] : [i])).join(' '),
    }),
    title,
    facts: facts(board),
    headline: headline(board),
    outcomes: `${dir}/outcomes.csv`,
    outcomesNpz: `${dir}/outcomes.npz`,
    links,
    columns: columns.map((c, i) => ({
      index: i,
      key: c.key,
      title: c.title,
      help: c.help,
      numeric: c.kind !== 'text',
      checked: c.shown,
      row: c.key === 'model',
      attack: c.group === 'attack',
    })),
    choosable: columns.flatMap((c, i) => (c.key === 'rank' || c.key === 'model' ? [] : [{ index: i, title: c.title, checked: c.shown }])),
    filters: {
      architectures: distinct((r) => r.model.record.arch.name),
      defenses: distinct((r) => r.model.record.defense.name),
      attacks: columns.flatMap((c, i) => (c.group === 'attack' && c.key !== 'clean' ? [{ index: i, title: c.title }] : [])),
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

/** What the table is about, in short facts. */
function facts(board: Board): string {
  const images = [...new Set(board.rows.flatMap((r) => r.worst?.n ?? []))].sort((a, b) => a - b);
  const attacks = board.attacks.filter((a) => a.attack.name !== 'clean').length;
  const count = (n: number, one: string) => `${n} ${one}${n === 1 ? '' : 's'}`;
  return [
    count(board.rows.length, 'model'),
    count(attacks, 'attack'),
    images.length > 0 ? `${images.join(' to ')} test images` : 'no results',
  ].join(', ');
}

/** The first thing a reader wants to know: which is best, how sure that is, and what it costs. */
function headline(board: Board) {
  const ranked = board.rows.filter((r) => r.rank !== undefined && r.worst);
  const best = ranked[0];
  if (!best?.worst) return undefined;
  const index = board.rows.indexOf(best);
  const pairs = board.pairs.filter((p) => p.i === index || p.j === index);
  const ties = ranked.filter((r) => r !== best && r.rank === 1);
  const standard = ranked.find((r) => r !== best && r.model.record.defense.name === 'standard');
  const next = ranked.find((r) => r !== best && r.rank !== 1);
  const p = pairs.find((q) => next && (q.i === board.rows.indexOf(next) || q.j === board.rows.indexOf(next)));
  return {
    name: best.model.name,
    href: `models/${best.model.slug}.html`,
    accuracy: percent(best.worst.accuracy),
    interval: interval(best.worst.interval),
    attacks: best.worst.attacks,
    several: best.worst.attacks > 1,
    none: best.worst.k === 0,
    ties: ties.length === 0 ? undefined : tiesText(ties),
    next:
      ties.length === 0 && next?.worst && p
        ? { name: next.model.name, accuracy: percent(next.worst.accuracy), p: pValue(p.adjusted) }
        : undefined,
    ratio: best.ratio && best.model.record.defense.name !== 'standard' ? Number(best.ratio.passes.toPrecision(2)).toString() : undefined,
    standard: standard?.worst ? { accuracy: percent(standard.worst.accuracy) } : undefined,
    clean: best.clean ? percent(best.clean.accuracy) : undefined,
  };
}

function tiesText(ties: readonly Row[]): string {
  const names = ties.slice(0, 3).map((r) => r.model.name);
  if (ties.length > 3) names.push(`${ties.length - 3} more`);
  return names.length === 1 ? (names[0] as string) : `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}

function pageCell(board: Board, row: Row, column: BoardColumn): PageCell {
  const value = column.value(row);
  const base = `models/${row.model.slug}.html`;
  const cell: PageCell = {
    href:
      value === null || value === '' || (column.group === 'more' && (column.kind === 'text' || column.key === 'seed'))
        ? undefined
        : column.anchor
          ? `${base}#${column.anchor}`
          : base,
    text: '–',
    sort: undefined,
    note: undefined,
    bar: undefined,
    mark: undefined,
  };
  if (column.group === 'attack') return attackCell(board, row, column, cell, base);
  if (column.key === 'flags') return { ...cell, text: String(value), href: value === '' ? undefined : `${base}#flags` };
  if (value === null) return cell;
  if (column.key === 'rank') return { ...cell, text: row.tied ? `${value}=` : String(value) };
  if (column.key === 'worst_case' && row.worst) {
    return { ...cell, text: percent(row.worst.accuracy), note: interval(row.worst.interval), bar: percent(row.worst.accuracy) };
  }
  if (column.key === 'seeds_mean' && row.seeds)
    return { ...cell, text: `${percent(row.seeds.mean)} ± ${percent(row.seeds.deviation)}`, note: `of ${row.seeds.count}` };
  if (typeof value === 'string' || typeof value === 'boolean')
    return { ...cell, text: typeof value === 'string' ? value : value ? 'yes' : 'no' };
  if (column.key.endsWith('_ms')) return { ...cell, text: duration(value), sort: String(value) };
  if (column.kind === 'accuracy') return { ...cell, text: percent(value) };
  if (column.key.endsWith('ratio')) return { ...cell, text: value.toFixed(1) };
  if (value >= 10_000) return { ...cell, text: compact(value), sort: String(value) };
  return { ...cell, text: String(value) };
}

function attackCell(board: Board, row: Row, column: BoardColumn, cell: PageCell, base: string): PageCell {
  const attack = board.attacks.find((a) => a.label === column.key);
  const record = attack && row.cells.get(attack.id);
  if (!record) return cell;
  const mark = record.flags.length > 0 ? '*' : undefined;
  const href = `${base}#${column.anchor}`;
  return record.status === 'done' ? { ...cell, href, text: percent(record.accuracy), mark } : { ...cell, href, text: 'failed', mark };
}
