/** Writes the site: a pure function of the records and of the examples kept beside them. No date, no path, no network. */
import { readdirSync, readFileSync } from 'node:fs';
import type { TakenCounterexamples } from '../records/evidence/counterexample.ts';
import type { EvidenceLink } from '../records/evidence/format.ts';
import { type EvidenceSource, writeEvidence } from '../records/evidence/write.ts';
import type { CellRecord, ModelRecord, RampartRecord } from '../records/record.ts';
import { checkerScript, webgpuScript } from './checker.ts';
import { csvOf } from './formats/csv.ts';
import { Files } from './formats/files.ts';
import { pageRenderer } from './formats/html.ts';
import { jsonOf } from './formats/json.ts';
import type { Table } from './formats/table.ts';
import { templatesFolder } from './formats/templates.ts';
import { writeAttackPage } from './pages/attack.ts';
import { writeBoardPage } from './pages/board.ts';
import { CHECKER, WEBGPU } from './pages/check.ts';
import { writeComparePage } from './pages/compare.ts';
import { writeFound } from './pages/found.ts';
import { type ExamplesOf, galleryOf } from './pages/gallery.ts';
import { writeMethodsPage } from './pages/methods.ts';
import { writeModelPage } from './pages/model.ts';
import { writeTryPage } from './pages/try.ts';
import { frame, type Site } from './pages/views.ts';
import { withPictures, writeQuizzes } from './quiz/page.ts';
import { QuizPictures } from './quiz/pictures.ts';
import { quizPlans } from './quiz/plan.ts';
import { bibtexOf } from './view/bibtex.ts';
import { boardColumns, boardTable } from './view/board-table.ts';
import { buildView } from './view/leaderboard.ts';
import { outcomeArrays, outcomeTable } from './view/outcomes.ts';
import { boardTitle, type ModelView, type View } from './view/view.ts';
import type { Price } from './view/worth/cheapest.ts';

/** What a run published of a model, if it did. */
export type EvidenceOf = (model: ModelRecord) => Promise<EvidenceSource | undefined>;

export interface SiteOptions {
  /** The heading of every page; `Rampart` unless given. */
  readonly title?: string;
  /** What the suite says of itself, such as where it departs from a published protocol; above every board. */
  readonly description?: string;
  /** What an hour costs of the devices whose names have this in them, in one currency. */
  readonly prices?: readonly Price[];
  /** The view of the records, where it is there already. */
  readonly view?: View;
  /** What was kept of a cell's adversarial examples; nothing unless given. */
  readonly examples?: ExamplesOf;
  /** What a reader can check of a model in the browser; nothing unless given. */
  readonly evidence?: EvidenceOf;
  /** Counterexamples that were taken in. */
  readonly found?: readonly TakenCounterexamples[];
}

/** Builds all pages and files in memory: for tests, and to weigh a site. */
export async function buildSite(records: readonly RampartRecord[], options: SiteOptions = {}): Promise<Files> {
  const view = options.view ?? buildView(records, options.found);
  const folder = templatesFolder();
  const css = readFileSync(`${folder}/assets/site.css`, 'utf8');
  const files = new Files();
  const plans = options.evidence ? quizPlans(view) : [];
  const pictures = new QuizPictures(plans);
  const evidence = await writeAllEvidence(view, files, options.evidence, (model, source) => pictures.take(model, source));
  const quizzes = withPictures(plans, pictures);
  const site: Site = {
    view,
    files,
    quiz: quizzes.length > 0,
    render: pageRenderer(folder),
    title: options.title ?? 'Rampart',
    description: options.description ?? '',
    version: [...new Set(records.map((r) => r.provenance.rampart))].sort().join(', '),
    chartStyle: chartStyle(css),
    colours: coloursOf(view),
    prices: options.prices ?? [],
    evidence,
  };
  const unused = [...(evidence.size > 0 ? [] : FOR_EVIDENCE), ...(site.quiz ? [] : ['quiz.js'])];
  for (const asset of readdirSync(`${folder}/assets`).sort())
    if (!unused.includes(asset)) files.add(`assets/${asset}`, readFileSync(`${folder}/assets/${asset}`));
  for (const record of records) {
    files.add(`records/${record.kind}s/${record.key}.json`, `${JSON.stringify(record)}\n`);
  }
  for (const board of view.boards) {
    writeBoardPage(site, board);
    files.add(`downloads/${board.id}/outcomes.csv`, csvOf(outcomeTable(board)));
    files.add(`downloads/${board.id}/outcomes.npz`, outcomeArrays(board));
  }
  const examplesOf = options.examples ?? (async () => undefined);
  for (const model of view.models) writeModelPage(site, model, await galleryOf(model, examplesOf, files));
  for (const attack of view.attacks) writeAttackPage(site, attack);
  writeQuizzes(site, quizzes, pictures);
  writeFound(files, options.found ?? []);
  writeComparePage(site);
  writeMethodsPage(site);
  writeTryPage(site);
  writeDownloads(site);
  if (view.boards.length === 0) files.add('index.html', site.render('empty', frame(site, '', site.title, 'No records yet')));
  return files;
}

/** Builds the site and writes it to the folder `out`, taking away what an earlier site left there; resolves with its manifest. Throws where `out` cannot be written. */
export async function writeSite(records: readonly RampartRecord[], out: string, options: SiteOptions = {}): Promise<string> {
  const files = await buildSite(records, options);
  return files.write(out);
}

/** What pages without evidence have no use for. */
const FOR_EVIDENCE = ['checker-client.js', 'checker.css', 'check.js', 'draw.js', 'try.js'];

/** Writes the evidence of every model that has some, and the checker. */
async function writeAllEvidence(
  view: View,
  files: Files,
  sourceOf: EvidenceOf | undefined,
  hear: (model: ModelView, source: EvidenceSource) => void,
): Promise<Map<ModelView, EvidenceLink>> {
  const links = new Map<ModelView, EvidenceLink>();
  for (const model of sourceOf ? view.models : []) {
    const source = await sourceOf?.(model.record);
    // models share originals, whose names are by their content
    if (!source) continue;
    const link = writeEvidence(model.record, source, (path, text) => files.get(path) ?? files.add(path, text));
    links.set(model, link);
    hear(model, source);
  }
  if (links.size > 0) {
    files.add(CHECKER, await checkerScript());
    files.add(WEBGPU, await webgpuScript());
  }
  return links;
}

/** Charts alone need their colours and the names of both themes. */
function chartStyle(css: string): string {
  const rules = css.slice(css.indexOf('/* charts */'), css.indexOf('/* end of charts */'));
  const light = 'svg{--ink:#1c2430;--muted:#55606f;--line:#d5dae1;--paper:#fff;font:12px system-ui,sans-serif;background:var(--paper)}';
  const dark = '@media(prefers-color-scheme:dark){svg{--ink:#e6e9ee;--muted:#a3adba;--line:#39424f;--paper:#12161c}}';
  return `${light}${dark}${rules.replace(/\s+/g, ' ')}`;
}

/** A colour for every defense, by name; grey for undefended models. */
function coloursOf(view: View): Map<string, number> {
  const undefended = new Set(view.models.filter((m) => m.record.defense.role === 'baseline').map((m) => m.record.defense.name));
  const names = [...new Set(view.models.map((m) => m.record.defense.name))].filter((n) => !undefended.has(n)).sort();
  return new Map([...names.map((n, i) => [n, i % 7] as const), ...[...undefended].map((n) => [n, 7] as const)]);
}

const linked = ({ key, attack }: CellRecord) => ({ key, label: attack.label });

/** The whole leaderboard in one file each, the references, and a page that lists what there is. */
function writeDownloads(site: Site): void {
  const { view, files } = site;
  const all = allBoards(view);
  files.add('leaderboard.csv', csvOf(all));
  files.add('leaderboard.json', jsonOf(all));
  files.add('downloads/references.bib', bibtexOf(view));
  const page = site.render('downloads', {
    ...frame(site, '../', 'Records and downloads', 'Every record, outcome and table of this site as files'),
    boards: view.boards.map((b) => ({ id: b.id, title: boardTitle(b) })),
    models: view.models.map((m) => ({
      name: m.name,
      href: `../models/${m.slug}.html`,
      key: m.record.key,
      cells: m.cells.map(linked),
    })),
    points: view.points.map(({ record, cells }) => ({ name: record.name, key: record.key, cells: cells.map(linked) })),
  });
  files.add('downloads/index.html', page);
}

/** The boards below each other; a column that a board lacks is empty there. */
function allBoards(view: View): Table {
  const tables = view.boards.map((board, i) => ({ board, table: boardTable(board, boardColumns(board, i === 0)) }));
  const columns = new Map(tables.flatMap(({ table }) => table.columns.map((c) => [c.key, c] as const)));
  return {
    name: 'leaderboard',
    caption: 'All tables of the site',
    columns: [
      { key: 'dataset', title: 'Data set', kind: 'text' },
      { key: 'norm', title: 'Norm', kind: 'text' },
      { key: 'eps', title: 'eps', kind: 'number' },
      ...columns.values(),
    ],
    rows: tables.flatMap(({ board, table }) => {
      const place = new Map(table.columns.map((c, i) => [c.key, i]));
      return table.rows.map((row) => [
        board.dataset.name,
        board.threat.norm,
        board.threat.eps,
        ...[...columns.keys()].map((key) => row[place.get(key) ?? -1] ?? null),
      ]);
    }),
  };
}
