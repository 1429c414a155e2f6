/** From records to what the site shows: boards, their columns and rows, worst cases, ranks, costs and seeds. No text is made here, only numbers. */

import { RampartError } from '../../errors.ts';
import { flag } from '../../records/flags.ts';
import type { CellRecord, Flag, ModelRecord, RampartRecord } from '../../records/record.ts';
import { canonical, digest, slug, uniqueSlugs } from '../../records/slug.ts';
import { mean, standardDeviation, wilson } from '../../records/stats.ts';
import { percent, radius } from '../formats/format.ts';
import { type Pair, rank } from './ranking.ts';

/** An attack with its parameters: a column of a board and a page of its own. */
export interface AttackView {
  readonly id: string;
  /** As shown: the suite's label, numbered where two suites use one label for different parameters. */
  readonly label: string;
  readonly slug: string;
  readonly attack: CellRecord['attack'];
}

export interface Rate {
  readonly k: number;
  readonly n: number;
  readonly accuracy: number;
  readonly interval: [number, number];
}

/** The pointwise worst case over the counted attacks, on the examples that all of them saw. */
export interface WorstCase extends Rate {
  readonly outcomes: string;
  readonly attacks: number;
}

export interface ModelView {
  readonly record: ModelRecord;
  /** As shown: the record's name, with a piece of the key where two records share one. */
  readonly name: string;
  readonly slug: string;
  /** Every cell of this model, in board and column order. */
  readonly cells: CellRecord[];
  /** The records that differ from this one only in the seed, this one included. */
  readonly siblings: ModelView[];
}

export interface Row {
  readonly model: ModelView;
  /** By attack id; failed cells are here too. */
  readonly cells: ReadonlyMap<string, CellRecord>;
  readonly clean: CellRecord | undefined;
  readonly worst: WorstCase | undefined;
  /** Absent where a required attack failed or is missing. */
  readonly rank: number | undefined;
  readonly tied: boolean;
  readonly missing: string[];
  /** Strongest PGD minus AutoAttack on the examples that both saw, in accuracy. */
  readonly gap: number | undefined;
  /** Against the standard model of the same architecture and data, and the same recipe where there is one: passes and wall time. */
  readonly ratio: { passes: number; time: number | undefined } | undefined;
  readonly attackCost: { forward: number; backward: number; wallMs: number };
  readonly seeds: { count: number; mean: number; deviation: number } | undefined;
  readonly flags: { flag: Flag; cell: CellRecord | undefined }[];
}

export interface Board {
  readonly id: string;
  readonly dataset: ModelRecord['dataset'];
  readonly threat: CellRecord['threat'];
  readonly attacks: AttackView[];
  readonly rows: Row[];
  /** Over the ranked rows, by their index in `rows`. */
  readonly pairs: Pair[];
}

export interface View {
  readonly boards: Board[];
  readonly models: ModelView[];
  readonly attacks: AttackView[];
}

const attackId = (cell: CellRecord) => canonical([cell.attack.label, cell.attack.name, cell.attack.version, cell.attack.params]);
const boardId = (cell: CellRecord) => canonical([cell.dataset.hash, cell.threat.norm, cell.threat.eps]);
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Records in any order to a view in one order. Throws where a cell belongs to no model. */
export function buildView(records: readonly RampartRecord[]): View {
  const sorted = [...records].sort((a, b) => compareText(a.key, b.key));
  const modelRecords = sorted.filter((r) => r.kind === 'model');
  const cells = sorted.filter((r) => r.kind === 'cell');
  const models = viewModels(modelRecords, cells);
  const attacks = viewAttacks(cells);
  const boards = viewBoards(models, cells, attacks);
  return { boards, models: [...models.values()].sort((a, b) => compareText(a.name, b.name)), attacks };
}

/** What must be equal for two models to differ only in their seed. */
function seedGroup(record: ModelRecord, byKey: ReadonlyMap<string, ModelRecord>): string {
  const base = record.wraps ? byKey.get(record.wraps) : undefined;
  const own = record.defense.kind === 'pretrained' ? record.weightsHash : '';
  const { name, version, params } = record.defense;
  return canonical([
    record.dataset.hash,
    record.arch.name,
    name,
    version,
    params,
    record.recipe,
    record.threat,
    own,
    base ? seedGroup(base, byKey) : '',
  ]);
}

function viewModels(records: readonly ModelRecord[], cells: readonly CellRecord[]): Map<string, ModelView> {
  const byKey = new Map(records.map((r) => [r.key, r]));
  const nameCounts = new Map<string, number>();
  for (const r of records) nameCounts.set(r.name, (nameCounts.get(r.name) ?? 0) + 1);
  const names = records.map((r) => (nameCounts.get(r.name) === 1 ? r.name : `${r.name} · ${r.key.slice(0, 6)}`));
  const slugs = uniqueSlugs(
    names,
    records.map((r) => r.key),
  );
  const groups = new Map<string, ModelView[]>();
  const views = new Map<string, ModelView>();
  for (const [i, record] of records.entries()) {
    const group = seedGroup(record, byKey);
    const siblings = groups.get(group) ?? [];
    groups.set(group, siblings);
    const view: ModelView = { record, name: names[i] as string, slug: slugs[i] as string, cells: [], siblings };
    siblings.push(view);
    siblings.sort((a, b) => a.record.seed - b.record.seed || compareText(a.record.key, b.record.key));
    views.set(record.key, view);
  }
  for (const cell of cells) {
    const view = views.get(cell.model.key);
    if (!view)
      throw new RampartError(`[report] cell ${cell.key} belongs to model ${cell.model.key} ("${cell.model.name}"), which has no record`);
    view.cells.push(cell);
  }
  return views;
}

const ACCESS_ORDER = ['none', 'transfer', 'decision', 'scores', 'gradient'];

/** Attacks in a fixed order: no attack, baselines, then by what the attacker may ask and how strong it was. AutoAttack last. */
function viewAttacks(cells: readonly CellRecord[]): AttackView[] {
  const byId = new Map<string, CellRecord[]>();
  for (const cell of cells) add(byId, attackId(cell), cell);
  const found = [...byId].map(([id, list]) => {
    const done = list.filter((c) => c.status === 'done');
    const attack = (list[0] as CellRecord).attack;
    return { id, attack, strength: done.length > 0 ? mean(done.map((c) => c.accuracy)) : 0 };
  });
  const last = (name: string) => (name === 'autoattack' ? 1 : 0);
  const early = (name: string) => (name === 'noise' ? 0 : 1);
  found.sort(
    (a, b) =>
      Number(a.attack.name !== 'clean') - Number(b.attack.name !== 'clean') ||
      last(a.attack.name) - last(b.attack.name) ||
      early(a.attack.name) - early(b.attack.name) ||
      ACCESS_ORDER.indexOf(a.attack.access) - ACCESS_ORDER.indexOf(b.attack.access) ||
      b.strength - a.strength ||
      compareText(a.id, b.id),
  );
  const seen = new Map<string, number>();
  const labels = found.map(({ attack }) => {
    const count = (seen.get(attack.label) ?? 0) + 1;
    seen.set(attack.label, count);
    return count === 1 ? attack.label : `${attack.label} (${count})`;
  });
  const slugs = uniqueSlugs(
    labels,
    found.map((f) => f.id),
  );
  return found.map(({ id, attack }, i) => ({ id, attack, label: labels[i] as string, slug: slugs[i] as string }));
}

/** The cells of every board. A clean accuracy has no radius that matters: it belongs to every board of its data set. */
function boardCells(cells: readonly CellRecord[]): Map<string, CellRecord[]> {
  const attacked = new Map<string, CellRecord[]>();
  const clean: CellRecord[] = [];
  for (const cell of cells) {
    if (cell.attack.name === 'clean') clean.push(cell);
    else add(attacked, boardId(cell), cell);
  }
  const groups = new Map(attacked);
  for (const cell of clean) {
    const boards = [...attacked].filter(([, list]) => list[0]?.dataset.hash === cell.dataset.hash).map(([id]) => id);
    for (const id of boards) groups.get(id)?.push(cell);
    if (boards.length === 0) add(groups, boardId(cell), cell);
  }
  return groups;
}

function add<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

function viewBoards(models: ReadonlyMap<string, ModelView>, cells: readonly CellRecord[], attacks: readonly AttackView[]): Board[] {
  const groups = boardCells(cells);
  const drafts = [...groups].map(([identity, list]) => {
    const first = list[0] as CellRecord; // a clean cell is never first where an attack is
    const view =
      list.map((c) => models.get(c.model.key) as ModelView).find((m) => m.record.status === 'done') ??
      (models.get(first.model.key) as ModelView);
    const name = `${first.dataset.name} ${first.threat.norm} ${radius(first.threat.eps)}`;
    const main = list.filter((c) => c.attack.name === 'clean' && boardId(c) === identity).length;
    return { identity, list, name, main, dataset: view.record.dataset, threat: first.threat };
  });
  drafts.sort(
    (a, b) => b.main - a.main || b.list.length - a.list.length || compareText(a.name, b.name) || compareText(a.identity, b.identity),
  );
  const ids = uniqueSlugs(
    drafts.map((d) => d.name),
    drafts.map((d) => d.identity),
  );
  const order = new Map(attacks.map((a, i) => [a.id, i]));
  const boards = drafts.map((draft, i) => viewBoard(ids[i] as string, draft, models, attacks));
  const boardOrder = new Map(drafts.map((d, i) => [d.identity, i]));
  const place = (c: CellRecord) => (boardOrder.get(boardId(c)) ?? 0) * 1e6 + (order.get(attackId(c)) ?? 0);
  for (const view of models.values()) view.cells.sort((a, b) => place(a) - place(b) || compareText(a.key, b.key));
  return boards;
}

function viewBoard(
  id: string,
  draft: { list: CellRecord[]; dataset: ModelRecord['dataset']; threat: CellRecord['threat'] },
  models: ReadonlyMap<string, ModelView>,
  allAttacks: readonly AttackView[],
): Board {
  const present = new Set(draft.list.map(attackId));
  const attacks = allAttacks.filter((a) => present.has(a.id));
  const cellsOf = new Map<string, Map<string, CellRecord>>();
  for (const cell of draft.list) {
    const row = cellsOf.get(cell.model.key) ?? new Map<string, CellRecord>();
    cellsOf.set(cell.model.key, row);
    const held = row.get(attackId(cell));
    // Two records of one cell (another engine, say): the one on more examples counts, then the first key.
    if (!held || (cell.status === 'done' ? cell.n : -1) > (held.status === 'done' ? held.n : -1)) row.set(attackId(cell), cell);
  }
  // Failed models have a row too, with their reason, on each board of their data set.
  for (const [key, view] of models) {
    if (view.record.status === 'failed' && view.record.dataset.hash === draft.dataset.hash && !cellsOf.has(key))
      cellsOf.set(key, new Map());
  }
  const required = requiredAttacks(attacks, [...cellsOf.values()]);
  const drafts = [...cellsOf].map(([key, cells]) => {
    const model = models.get(key) as ModelView;
    const missing = required.filter((a) => cells.get(a.id)?.status !== 'done').map((a) => a.label);
    return { model, cells, worst: worstCase(cells), missing };
  });
  const ranked = drafts.filter((d) => d.missing.length === 0 && d.worst);
  const { ranks, pairs } = rank(ranked.map((d) => ({ outcomes: d.worst?.outcomes ?? '' })));
  const rankOf = new Map(ranked.map((d, i) => [d, ranks[i] as number]));
  const accuracy = (d: (typeof drafts)[number]) => d.worst?.accuracy ?? -1;
  drafts.sort(
    (a, b) =>
      (rankOf.get(a) ?? 1e9) - (rankOf.get(b) ?? 1e9) ||
      accuracy(b) - accuracy(a) ||
      compareText(a.model.name, b.model.name) ||
      compareText(a.model.record.key, b.model.record.key),
  );
  const position = new Map(drafts.map((d, i) => [d, i]));
  const reindex = (i: number) => position.get(ranked[i] as (typeof drafts)[number]) as number;
  const worstByKey = new Map(drafts.map((d) => [d.model.record.key, d.worst]));
  const rows = drafts.map((d) => {
    const own = rankOf.get(d);
    return {
      ...d,
      clean: [...d.cells.values()].find((c) => c.attack.name === 'clean' && c.status === 'done'),
      rank: own,
      tied: own !== undefined && ranks.filter((r) => r === own).length > 1,
      gap: pgdGap(d.cells),
      ratio: costRatio(d.model, models),
      attackCost: attackCost(d.cells),
      seeds: seedSpread(d.model, worstByKey),
      flags: flagsOf(d.model, d.cells, d.missing),
    };
  });
  return {
    id,
    dataset: draft.dataset,
    threat: draft.threat,
    attacks,
    rows,
    pairs: pairs.map((p) => ({ ...p, i: reindex(p.i), j: reindex(p.j) })),
  };
}

/** What a model must have passed to be ranked: the attacks that at least half of the board's models finished, transfer aside (a source is not attacked with itself). */
function requiredAttacks(attacks: readonly AttackView[], rows: readonly ReadonlyMap<string, CellRecord>[]): AttackView[] {
  const attacked = rows.filter((cells) => [...cells.values()].some((c) => c.status === 'done'));
  return attacks.filter((a) => {
    const done = attacked.filter((cells) => cells.get(a.id)?.status === 'done').length;
    return a.attack.access !== 'transfer' && done > 0 && done * 2 >= attacked.length;
  });
}

/** Right under no attack and under every finished attack, among the examples that all of them saw. */
export function worstCase(cells: ReadonlyMap<string, CellRecord>): WorstCase | undefined {
  const done = [...cells.values()].filter((c) => c.status === 'done' && c.n > 0);
  const attacks = done.filter((c) => c.attack.name !== 'clean').length;
  if (attacks === 0) return undefined;
  const n = Math.min(...done.map((c) => c.n));
  let outcomes = '';
  let k = 0;
  for (let i = 0; i < n; i++) {
    const right = done.every((c) => c.outcomes.robust.charCodeAt(i) === 49);
    outcomes += right ? '1' : '0';
    if (right) k++;
  }
  return { k, n, accuracy: k / n, interval: wilson(k, n), outcomes, attacks };
}

const rightAmong = (cell: CellRecord, n: number) => {
  let k = 0;
  for (let i = 0; i < n; i++) if (cell.outcomes.robust.charCodeAt(i) === 49) k++;
  return k;
};

function pgdGap(cells: ReadonlyMap<string, CellRecord>): number | undefined {
  const done = [...cells.values()].filter((c) => c.status === 'done' && c.n > 0);
  const ensembles = done.filter((c) => c.attack.name === 'autoattack');
  const pgds = done.filter((c) => c.attack.name === 'pgd');
  if (ensembles.length === 0 || pgds.length === 0) return undefined;
  const n = Math.min(...[...ensembles, ...pgds].map((c) => c.n));
  const strongest = (list: CellRecord[]) => Math.min(...list.map((c) => rightAmong(c, n)));
  return (strongest(pgds) - strongest(ensembles)) / n;
}

/** Passes of training, forward and backward, summed over examples. */
export const trainingPasses = (record: ModelRecord) => record.cost.passes.forward + record.cost.passes.backward;

/** Where two wall times may be compared: same engine, device, threads and host. */
const machine = (record: ModelRecord) => canonical([record.provenance.engine, record.provenance.host]);

function costRatio(model: ModelView, models: ReadonlyMap<string, ModelView>): Row['ratio'] {
  const { record } = model;
  const same = (r: ModelRecord) =>
    r.status === 'done' &&
    r.defense.name === 'standard' &&
    r.dataset.hash === record.dataset.hash &&
    r.dataset.train === record.dataset.train &&
    r.arch.name === record.arch.name &&
    trainingPasses(r) > 0;
  const bases = [...models.values()].map((m) => m.record).filter(same);
  const base = bases.find((r) => canonical(r.recipe) === canonical(record.recipe)) ?? bases[0];
  if (!base || record.status !== 'done' || trainingPasses(record) === 0) return undefined;
  return {
    passes: trainingPasses(record) / trainingPasses(base),
    time: machine(base) === machine(record) && base.cost.wallMs > 0 ? record.cost.wallMs / base.cost.wallMs : undefined,
  };
}

function attackCost(cells: ReadonlyMap<string, CellRecord>): Row['attackCost'] {
  const total = { forward: 0, backward: 0, wallMs: 0 };
  for (const cell of cells.values()) {
    total.forward += cell.passes.forward;
    total.backward += cell.passes.backward;
    total.wallMs += cell.wallMs;
  }
  return total;
}

function seedSpread(model: ModelView, worst: ReadonlyMap<string, WorstCase | undefined>): Row['seeds'] {
  const values = model.siblings.flatMap((s) => worst.get(s.record.key)?.accuracy ?? []);
  return values.length > 1 ? { count: values.length, mean: mean(values), deviation: standardDeviation(values) } : undefined;
}

function flagsOf(model: ModelView, cells: ReadonlyMap<string, CellRecord>, missing: readonly string[]): Row['flags'] {
  const flags: { flag: Flag; cell: CellRecord | undefined }[] = model.record.flags.map((flag) => ({ flag, cell: undefined }));
  for (const cell of cells.values()) for (const flag of cell.flags) flags.push({ flag, cell });
  if (model.record.status === 'failed') {
    flags.push({ flag: flag('model-failed', model.record.error?.message ?? 'no reason recorded'), cell: undefined });
  } else if (missing.length > 0) {
    flags.push({ flag: flag('incomplete', `not ranked: no result of ${missing.join(', ')}`), cell: undefined });
  }
  for (const cell of cells.values()) {
    if (cell.status === 'failed' && cell.error?.kind !== 'dependency')
      flags.push({ flag: flag('attack-failed', `${cell.attack.label}: ${cell.error?.message ?? 'no reason recorded'}`), cell });
  }
  return flags;
}

/** `CIFAR-10` style titles are the data set's business; here the record's name, the norm and the radius. */
export const boardTitle = (board: Board) => `${board.dataset.name}, ${board.threat.norm} ${radius(board.threat.eps)}`;

/** The anchor of a cell on its model's page. */
export const cellAnchor = (cell: CellRecord) => `c-${slug(cell.attack.label)}-${digest(cell.key, 6)}`;

/** `45.2` where the cell is done. */
export const cellText = (cell: CellRecord) => (cell.status === 'done' ? percent(cell.accuracy) : 'failed');
