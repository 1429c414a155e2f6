/** From records to boards: which cells stand together, what each model is worth there, and in what order. */
import type { TakenCounterexamples } from '../../records/evidence/counterexample.ts';
import { type CellRecord, isCorrupted, isInBall, type RampartRecord } from '../../records/record.ts';
import { canonical, uniqueSlugs } from '../../records/slug.ts';
import { radius } from '../formats/format.ts';
import { attackId, viewAttacks } from './attacks.ts';
import { viewBoard } from './board.ts';
import { viewModels } from './models.ts';
import { withUnions } from './threats/union.ts';
import { type AttackView, type Board, isClean, type ModelView, type View } from './view.ts';
import { pointsOf } from './worth/points.ts';

const boardId = (cell: CellRecord) => canonical([cell.dataset.hash, cell.threat.norm, cell.threat.eps]);
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Records in any order to a view in one order, with what was `found` against them. Throws where a cell belongs to no model. */
export function buildView(records: readonly RampartRecord[], found: readonly TakenCounterexamples[] = []): View {
  const sorted = [...records].sort((a, b) => compareText(a.key, b.key));
  const { points, others } = pointsOf(sorted);
  const modelRecords = others.filter((r) => r.kind === 'model');
  const cells = others.filter(isInBall);
  const corrupted = others.filter((r) => r.kind === 'cell').filter(isCorrupted);
  const models = viewModels(modelRecords, cells, corrupted);
  const attacks = viewAttacks(cells);
  const boards = withUnions(viewBoards(models, cells, attacks, found));
  return { boards, models: [...models.values()].sort((a, b) => compareText(a.name, b.name)), attacks, points };
}

/** The cells of every board. A clean accuracy has no radius that matters: it belongs to every board of its data set. */
function boardCells(cells: readonly CellRecord[]): Map<string, CellRecord[]> {
  const attacked = new Map<string, CellRecord[]>();
  const clean: CellRecord[] = [];
  for (const cell of cells) {
    if (isClean(cell)) clean.push(cell);
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

function viewBoards(
  models: ReadonlyMap<string, ModelView>,
  cells: readonly CellRecord[],
  attacks: readonly AttackView[],
  found: readonly TakenCounterexamples[],
): Board[] {
  const groups = boardCells(cells);
  const drafts = [...groups].map(([identity, list]) => {
    const first = list[0] as CellRecord; // a clean cell is never first where an attack is
    const view =
      list.map((c) => models.get(c.model.key) as ModelView).find((m) => m.record.status === 'done') ??
      (models.get(first.model.key) as ModelView);
    const name = `${first.dataset.name} ${first.threat.norm} ${radius(first.threat.eps)}`;
    const main = list.filter((c) => isClean(c) && boardId(c) === identity).length;
    return { identity, list, name, main, dataset: view.record.dataset, threat: first.threat, found };
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
