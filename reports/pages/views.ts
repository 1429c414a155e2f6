/** The pieces that pages share, as their templates take them: tables with downloads, charts with data, flags, the frame of a page. */

import type { EvidenceLink } from '../../records/evidence/format.ts';
import { meaningOf } from '../../records/flags.ts';
import type { Flag } from '../../records/record.ts';
import type { Chart } from '../charts/frame.ts';
import { csvOf } from '../formats/csv.ts';
import type { Files } from '../formats/files.ts';
import type { Render } from '../formats/html.ts';
import { jsonOf } from '../formats/json.ts';
import { latexOf } from '../formats/latex.ts';
import { markdownOf } from '../formats/markdown.ts';
import { type Svg, standalone } from '../formats/svg.ts';
import { printed, type Table } from '../formats/table.ts';
import type { Board, ModelView, View } from '../view/view.ts';
import { boardTitle } from '../view/view.ts';
import type { Price } from '../view/worth/cheapest.ts';

/** What every page builder is given. */
export interface Site {
  /** Whether there is a quiz. */
  readonly quiz: boolean;
  readonly view: View;
  readonly files: Files;
  readonly render: Render;
  readonly title: string;
  /** What the suite says of itself; empty where it says nothing. */
  readonly description: string;
  readonly version: string;
  /** What a chart needs of the style sheet when it stands alone. */
  readonly chartStyle: string;
  /** The colour of every defense, the same on all pages. */
  readonly colours: ReadonlyMap<string, number>;
  /** Of devices, where they are known. */
  readonly prices: readonly Price[];
  /** The models that a reader can check. */
  readonly evidence: ReadonlyMap<ModelView, EvidenceLink>;
}

/** Models that a reader can attack: the site holds their weights. */
export function attackable({ evidence }: Site): (readonly [model: ModelView, link: EvidenceLink])[] {
  return [...evidence].filter(([, { weights }]) => weights !== undefined);
}

export interface Link {
  readonly href: string;
  readonly text: string;
}

/** Writes a table under `dir` in every format, the data of charts as CSV and JSON, a line per image as CSV only; the links are relative to a page `root` below the top (`''` or `'../'`). */
export function downloads(site: Site, dir: string, table: Table, root: string, data: 'table' | 'chart' | 'outcomes' = 'table'): Link[] {
  const formats = [
    ['csv', 'CSV', csvOf],
    ['json', 'JSON', jsonOf],
    ['tex', 'LaTeX', latexOf],
    ['md', 'Markdown', markdownOf],
  ] as const;
  const links = formats.slice(0, data === 'table' ? 4 : data === 'chart' ? 2 : 1).map(([extension, text, write]) => {
    const path = `${dir}/${table.name}.${extension}`;
    site.files.add(path, write(table));
    return { href: root + path, text };
  });
  return [...links, { href: `${root}downloads/references.bib`, text: 'BibTeX' }];
}

export interface TableCell {
  readonly text: string;
  readonly href: string | undefined;
}

export interface TableView {
  readonly id: string;
  readonly caption: string;
  readonly headings: { text: string; numeric: boolean }[];
  readonly rows: { head: TableCell; cells: (TableCell & { numeric: boolean })[] }[];
  readonly files: Link[];
}

/** A table's headings and rows, its first column as row headings; `href(row, column)` links a value to its evidence. */
export function tableRows(table: Table, href?: (row: number, column: number) => string | undefined): Omit<TableView, 'files'> {
  return {
    id: table.name,
    caption: table.caption,
    headings: table.columns.map((c) => ({ text: c.title, numeric: c.kind !== 'text' })),
    rows: table.rows.map((row, i) => {
      const cells = table.columns.map((c, j) => ({ text: printed(row[j], c), href: href?.(i, j), numeric: c.kind !== 'text' }));
      return { head: cells[0] as TableCell, cells: cells.slice(1) };
    }),
  };
}

/** A table for the partial `table`, with its downloads. */
export function tableView(
  site: Site,
  dir: string,
  table: Table,
  root: string,
  href?: (row: number, column: number) => string | undefined,
): TableView {
  return { ...tableRows(table, href), files: downloads(site, dir, table, root) };
}

/** Rows up to which the data of a chart is on the same page; beyond, it has a page of its own. */
const INLINE_ROWS = 60;

export interface ChartView {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly svg: Svg;
  readonly data: TableView | undefined;
  readonly dataPage: string | undefined;
  readonly files: Link[];
}

/** A chart for the partial `chart`, with its SVG, data files and data table written. */
export function chartView(site: Site, chart: Chart, root: string): ChartView {
  const { id, title, description, svg, table } = chart;
  site.files.add(`charts/${id}.svg`, standalone(svg, site.chartStyle));
  const files = downloads(site, 'charts', table, root, chart.bulk ? 'outcomes' : 'chart').slice(0, -1);
  const inline = table.rows.length <= INLINE_ROWS;
  const paged = !inline && !chart.bulk;
  if (paged) {
    const page = { ...tableRows(table), files: files.map((f) => ({ ...f, href: `../charts/${f.href.split('/').pop()}` })) };
    site.files.add(`charts/${id}.html`, site.render('data', { ...frame(site, '../', title, description), title, table: page }));
  }
  return {
    id,
    title,
    description,
    svg,
    data: inline ? { ...tableRows(table), files: [] } : undefined,
    dataPage: paged ? `${root}charts/${id}.html` : undefined,
    files: [{ href: `${root}charts/${id}.svg`, text: 'SVG' }, ...files],
  };
}

export interface FlagView {
  readonly name: string;
  readonly detail: string;
  readonly href: string;
  readonly known: boolean;
}

export function flagView(flag: Flag, root: string): FlagView {
  const known = meaningOf(flag.name) !== undefined;
  return { name: flag.name, detail: flag.detail, href: `${root}methods.html#${known ? `flag-${flag.name}` : 'flags'}`, known };
}

/** The page of a board: the first is the front page. */
export const boardHref = (view: View, board: Board) => (view.boards[0] === board ? 'index.html' : `board-${board.id}.html`);

/**
 * What a page may load: this site's own files and nothing else, whoever serves it. `file:` is for the site as a folder on disk, where not
 * every browser counts that as its own; a page from a server can load nothing by it. `runs`: a worker with WebAssembly, which has no network
 * either.
 */
function policyOf(runs: boolean): string {
  const own = "'self' file:";
  return [
    "default-src 'none'",
    `script-src ${own}${runs ? " 'wasm-unsafe-eval'" : ''}`,
    ...(runs ? ['worker-src blob:'] : []),
    `style-src ${own} 'unsafe-inline'`,
    `img-src ${own}${runs ? ' blob: data:' : ''}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** What the layout takes; `runs` where the page may run the checker. */
export function frame(
  site: Site,
  root: string,
  title: string,
  description: string,
  options: { scripts?: readonly string[]; runs?: boolean; current?: string; hide?: string; wide?: boolean } = {},
) {
  return {
    root,
    pageTitle: title === site.title ? title : `${title} · ${site.title}`,
    siteTitle: site.title,
    description,
    scripts: options.scripts ?? [],
    runs: options.runs ?? false,
    policy: policyOf(options.runs ?? false),
    hide: options.hide,
    wide: options.wide ?? false,
    version: site.version,
    nav: [
      ...site.view.boards.map((b) => ({ href: root + boardHref(site.view, b), text: boardTitle(b), current: options.current === b.id })),
      ...(site.view.boards.length > 0 ? [{ href: `${root}compare.html`, text: 'Compare', current: options.current === 'compare' }] : []),
      ...(attackable(site).length > 0 ? [{ href: `${root}try.html`, text: 'Try', current: options.current === 'try' }] : []),
      ...(site.quiz ? [{ href: `${root}quiz.html`, text: 'Quiz', current: options.current === 'quiz' }] : []),
      { href: `${root}methods.html`, text: 'Methods', current: options.current === 'methods' },
    ],
  };
}
