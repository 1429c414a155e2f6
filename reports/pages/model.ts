/** The page of one model: what it is, how it was trained, every cell with its evidence, its errors, and how to make it again. */
import { type CellRecord, deviceOf, devicesOf } from '../../records/record.ts';
import { trainingCharts } from '../charts/lines.ts';
import { costSplitChart, outcomesChart } from '../charts/model.ts';
import { compact, duration, interval, parameter, parameters, percent, pValue, radius } from '../formats/format.ts';
import type { Table } from '../formats/table.ts';
import { attackAnchor } from '../view/board-table.ts';
import { loweredBy } from '../view/found/counterexamples.ts';
import { errorDistance } from '../view/images.ts';
import { rankText, separated } from '../view/ranking.ts';
import { reproduction } from '../view/reproduce.ts';
import { type Board, boardTitle, isBounded, isClean, type ModelView, type Row } from '../view/view.ts';
import { checkView } from './check.ts';
import { foundView } from './found.ts';
import type { GalleryItem } from './gallery.ts';
import { maskingPart } from './masking.ts';
import { provenance, summary } from './model-facts.ts';
import { classTable, confusionTables, corruptionTable, overfittingTable, trialsTable } from './model-tables.ts';
import { boardHref, chartView, flagView, frame, type Site, tableView } from './views.ts';

export function writeModelPage(site: Site, model: ModelView, gallery: readonly GalleryItem[]): void {
  const evidence = site.evidence.get(model);
  const { record, slug, name } = model;
  const places = site.view.boards.flatMap((board) => {
    const row = board.rows.find((r) => r.model === model);
    return row ? [{ board, row }] : [];
  });
  const dir = `models/${slug}`;
  const main = places[0];
  const recordPath = `../records/models/${record.key}.json`;
  const charts = [...trainingCharts(record, name, `model-${slug}`), ...costSplitChart(record, name, `model-${slug}`)].map((c) =>
    chartView(site, c, '../'),
  );
  const trials = trialsTable(record);
  const recipe = reproduction(model, site.view);
  site.files.add(`${dir}/suite.yml`, recipe.suite);
  const page = site.render('model', {
    ...frame(site, '../', name, `${record.defense.title}, ${record.arch.name}, on ${record.dataset.name}: training, attacks and evidence`, {
      scripts: evidence ? ['checker-client.js', 'check.js'] : [],
      runs: evidence !== undefined,
    }),
    name,
    title: record.defense.title,
    paper: record.defense.paper === 'none' || record.defense.paper === '' ? undefined : record.defense.paper,
    failed: record.status === 'failed' ? (record.error?.message ?? 'no reason recorded') : undefined,
    summary: summary(site, model, main?.row),
    recordPath,
    weightsHash: record.weightsHash,
    boards: places.map(({ board, row }, i) => boardPart(site, model, board, row, i === 0, dir)),
    recipe: Object.entries(record.recipe).map(([key, value]) => ({ key, value: parameter(value) })),
    defense: Object.entries(record.defense.params).map(([key, value]) => ({ key, value: parameter(value) })),
    trials: trials && tableView(site, dir, trials, '../'),
    siblings: model.siblings.length > 1 ? model.siblings.map((s) => sibling(s, main?.board)) : undefined,
    cost: costFacts(model, main?.row),
    charts,
    masking: main && maskingPart(site, model, main.row.masking, dir),
    classes: main ? tableView(site, dir, classTable(main.board, main.row), '../') : undefined,
    corruptions: main?.row.corruptions && tableView(site, dir, corruptionTable(main.row.corruptions), '../'),
    confusions: main ? confusionTables(main.board, main.row).map((t) => tableView(site, dir, t, '../')) : [],
    gallery: gallery.length > 0 ? gallery : undefined,
    suiteHref: `${slug}/suite.yml`,
    command: recipe.command,
    caveat: recipe.caveat,
    provenance: provenance(model),
    flags: allFlags(places, model),
    check: evidence && checkView(site, model, evidence),
  });
  site.files.add(`models/${slug}.html`, page);
}

function allFlags(places: readonly { board: Board; row: Row }[], model: ModelView) {
  const seen = new Set<string>();
  const flags = places.length > 0 ? places.flatMap((p) => p.row.flags) : model.record.flags.map((flag) => ({ flag, cell: undefined }));
  return flags.flatMap(({ flag, cell }) => {
    const where = cell ? `${cell.attack.label}, ${cell.threat.norm} ${radius(cell.threat.eps)}` : 'model';
    const id = `${flag.name}\n${flag.detail}\n${where}`;
    if (seen.has(id)) return [];
    seen.add(id);
    return [{ ...flagView(flag, '../'), where }];
  });
}

/** One threat model's part of the page. */
function boardPart(site: Site, model: ModelView, board: Board, row: Row, first: boolean, dir: string) {
  const cells = board.attacks.flatMap((a) => {
    const cell = row.cells.get(a.id);
    // The clean cell is shown once, with the first board.
    return cell && (first || !isClean(a)) ? [{ attack: a, cell }] : [];
  });
  const chart = outcomesChart(board, row, `model-${model.slug}-${board.id}`);
  const members = cells.flatMap(({ cell }) => (cell.members ? [tableView(site, dir, membersTable(board, cell), '../')] : []));
  const index = board.rows.indexOf(row);
  const inseparable = board.pairs
    .filter((p) => (p.i === index || p.j === index) && !separated(p))
    .map((p) => ({ other: board.rows[p.i === index ? p.j : p.i] as Row, p: p.adjusted }))
    .map(({ other, p }) => ({
      name: other.model.name,
      href: `${other.model.slug}.html`,
      p: pValue(p),
      compare: `../compare.html#board=${board.id}&a=${model.slug}&b=${other.model.slug}`,
    }));
  return {
    id: board.id,
    anchor: first ? 'worst' : `worst-${board.id}`,
    cellsAnchor: first ? 'cells' : `cells-${board.id}`,
    title: boardTitle(board),
    href: `../${boardHref(site.view, board)}`,
    worst: worstFacts(row),
    found: foundView(board, row),
    ties: inseparable.slice(0, 10).map((t, k, list) => ({ ...t, last: k === list.length - 1 })),
    tiesMore: inseparable.length > 10 ? inseparable.length - 10 : undefined,
    cells: cells.map(({ attack, cell }) => ({
      anchor: attackAnchor(attack, board, first),
      label: attack.label,
      href: `../attacks/${attack.slug}.html`,
      title: cell.attack.title,
      params: [
        ...(isBounded(attack) ? [] : ['no radius, in no worst case']),
        parameters(cell.attack.params),
        ...(cell.choice ? [`chose ${cell.choice}`] : []),
      ]
        .filter(Boolean)
        .join('; '),
      ...cellFacts(cell),
      record: `../records/cells/${cell.key}.json`,
      flags: cell.flags.map((f) => flagView(f, '../')),
    })),
    cellsFiles: tableView(
      site,
      dir,
      cellsTable(
        board,
        cells.map((c) => c.cell),
      ),
      '../',
    ).files,
    outcomes: chart ? chartView(site, chart, '../') : undefined,
    members,
    overfitting: row.overfitting && {
      anchor: first ? 'overfitting' : `overfitting-${board.id}`,
      table: tableView(site, dir, overfittingTable(board, row.overfitting), '../'),
    },
  };
}

function worstFacts(row: Row) {
  if (!row.worst) return undefined;
  const { accuracy, k, n, attacks } = row.worst;
  return {
    accuracy: percent(accuracy),
    interval: interval(row.worst.interval),
    k,
    n,
    attacks,
    several: attacks > 1,
    rank: row.rank && rankText(row.rank),
    gap: row.gap === undefined || row.gap === 0 ? undefined : percent(row.gap),
    lowered: loweredBy(row) || undefined,
  };
}

function cellFacts(cell: CellRecord) {
  if (cell.status === 'failed') {
    return {
      accuracy: 'failed',
      interval: cell.error?.message ?? 'no reason recorded',
      n: '–',
      forward: '–',
      backward: '–',
      time: duration(cell.wallMs),
      distance: '–',
      failed: true,
    };
  }
  const distance = errorDistance(cell);
  const per = (passes: number) => (cell.n > 0 ? compact(passes / cell.n) : '–');
  return {
    accuracy: percent(cell.accuracy),
    interval: interval(cell.interval),
    n: String(cell.n),
    forward: per(cell.passes.forward),
    backward: per(cell.passes.backward),
    time: duration(cell.wallMs),
    distance: distance === undefined ? '–' : String(Number(distance.toPrecision(3))),
    failed: false,
  };
}

/** Passes of both kinds on attempts begun ahead, beside those that the search needed; null where they were not counted. */
function thrownAway({ overhead }: Pick<CellRecord, 'overhead'>): number | null {
  return overhead ? overhead.forward + overhead.backward : null;
}

function cellsTable(board: Board, cells: readonly CellRecord[]): Table {
  return {
    name: `cells-${board.id}`,
    caption: `Every attack on one model: ${boardTitle(board)}`,
    columns: [
      { key: 'attack', title: 'Attack', kind: 'text' },
      { key: 'params', title: 'Parameters', kind: 'text', wide: true },
      { key: 'status', title: 'Status', kind: 'text', wide: true },
      { key: 'robust_accuracy', title: 'Robust accuracy', kind: 'accuracy' },
      { key: 'low', title: 'Low', kind: 'accuracy' },
      { key: 'high', title: 'High', kind: 'accuracy' },
      { key: 'n', title: 'Images', kind: 'count' },
      { key: 'forward', title: 'Forward passes', kind: 'count' },
      { key: 'backward', title: 'Backward passes', kind: 'count' },
      { key: 'overhead', title: 'Passes thrown away', kind: 'count' },
      { key: 'wall_ms', title: 'Time, ms', kind: 'count' },
      { key: 'device', title: 'Ran on', kind: 'text', wide: true },
      { key: 'record', title: 'Record', kind: 'text', wide: true },
    ],
    rows: cells.map((c) => {
      const done = c.status === 'done';
      return [
        c.attack.label,
        parameters(c.attack.params),
        done ? 'done' : `failed: ${c.error?.message ?? ''}`,
        done ? c.accuracy : null,
        done ? c.interval[0] : null,
        done ? c.interval[1] : null,
        c.n,
        c.passes.forward,
        c.passes.backward,
        thrownAway(c),
        Math.round(c.wallMs),
        devicesOf(c).join('; '),
        c.key,
      ];
    }),
  };
}

function membersTable(board: Board, cell: CellRecord): Table {
  return {
    name: `members-${cell.key}`,
    caption: `Members of ${cell.attack.label}, in order, each on images that were still right: ${boardTitle(board)}`,
    columns: [
      { key: 'member', title: 'Member', kind: 'text' },
      { key: 'entered', title: 'Images in', kind: 'count' },
      { key: 'left', title: 'Still right', kind: 'count' },
      { key: 'forward', title: 'Forward passes', kind: 'count' },
      { key: 'backward', title: 'Backward passes', kind: 'count' },
      { key: 'overhead', title: 'Passes thrown away', kind: 'count' },
      { key: 'wall_ms', title: 'Time, ms', kind: 'count' },
    ],
    rows: (cell.members ?? []).map((m) => [
      m.attack,
      m.entered,
      m.left,
      m.passes.forward,
      m.passes.backward,
      thrownAway(m),
      Math.round(m.wallMs),
    ]),
  };
}

function sibling(view: ModelView, board: Board | undefined) {
  const worst = board?.rows.find((r) => r.model === view)?.worst;
  return {
    name: view.name,
    href: `${view.slug}.html`,
    seed: view.record.seed,
    worst: worst ? `${percent(worst.accuracy)} % [${interval(worst.interval)}]` : 'no result',
  };
}

function costFacts(model: ModelView, row: Row | undefined) {
  const { cost } = model.record;
  const passes = cost.passes.forward + cost.passes.backward;
  if (passes === 0) return undefined;
  const facts = [
    {
      key: 'Passes',
      value: `${compact(cost.passes.forward)} forward, ${compact(cost.passes.backward)} backward over ${compact(cost.examples)} training examples`,
    },
    { key: 'Optimizer steps', value: String(cost.optimizerSteps) },
    {
      key: 'Time',
      value: `${duration(cost.wallMs)} (${compact(cost.imagesPerSecond)} images a second) on ${deviceOf(model.record.provenance)}`,
    },
    { key: 'Peak memory', value: `${Math.round(cost.peakMemoryMb)} MB` },
  ];
  if (row?.ratio) {
    const time = row.ratio.time === undefined ? '; times are of unlike devices' : `, ${row.ratio.time.toFixed(1)} times the time`;
    facts.push({ key: 'Against no defense', value: `${row.ratio.passes.toFixed(1)} times the passes${time}` });
  }
  return facts;
}
