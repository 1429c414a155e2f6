/** The models of a site: names that tell them apart, seeds that belong together, cells. */
import { RampartError } from '../../errors.ts';
import type { CellRecord, CorruptedRecord, ModelRecord } from '../../records/record.ts';
import { canonical, uniqueSlugs } from '../../records/slug.ts';
import type { ModelView } from './view.ts';

/** Whether a model has the weights of the final epoch of its training, whatever validation said. */
export const keptLast = ({ recipe }: ModelRecord): boolean => recipe.keep === 'last';

/** What must be equal for two models to differ only in the epoch that was kept of their training. */
function trainingOf(record: ModelRecord, byKey: ReadonlyMap<string, ModelRecord>): string {
  const { keep: _, ...recipe } = record.recipe;
  const { engine } = record.provenance;
  const base = record.wraps ? byKey.get(record.wraps) : undefined;
  return canonical([
    seedGroup({ ...record, recipe, ...(base && { wraps: '' }) }, byKey),
    base ? trainingOf(base, byKey) : '',
    record.seed,
    engine,
  ]);
}

/** The best and the final epoch of every training that has both. */
function twinsOf(views: readonly ModelView[], byKey: ReadonlyMap<string, ModelRecord>): Map<ModelView, ModelView> {
  const trainings = new Map<string, { best?: ModelView; last?: ModelView }>();
  for (const view of views) {
    const { record } = view;
    if (record.defense.kind === 'pretrained' || record.recipe.keep === undefined) continue;
    const id = trainingOf(record, byKey);
    trainings.set(id, { [keptLast(record) ? 'last' : 'best']: view, ...trainings.get(id) });
  }
  const pairs = [...trainings.values()].flatMap(({ best, last }) => (best && last ? [[best, last] as const, [last, best] as const] : []));
  return new Map(pairs);
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
    record.tuning ? 'tuned' : '',
    own,
    base ? seedGroup(base, byKey) : '',
  ]);
}

/** By key. Throws where a cell belongs to no model. */
export function viewModels(
  records: readonly ModelRecord[],
  cells: readonly CellRecord[],
  corrupted: readonly CorruptedRecord[] = [],
): Map<string, ModelView> {
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
    const view: ModelView = { record, name: names[i] as string, slug: slugs[i] as string, cells: [], corrupted: [], siblings };
    siblings.push(view);
    siblings.sort((a, b) => a.record.seed - b.record.seed || (a.record.key < b.record.key ? -1 : 1));
    views.set(record.key, view);
  }
  const twins = twinsOf([...views.values()], byKey);
  for (const [view, twin] of twins) view.twin = twin;
  const ownerOf = ({ key, model }: Pick<CellRecord, 'key' | 'model'>) => {
    const view = views.get(model.key);
    if (!view) throw new RampartError(`[report] cell ${key} belongs to model ${model.key} ("${model.name}"), which has no record`);
    return view;
  };
  for (const cell of cells) ownerOf(cell).cells.push(cell);
  for (const cell of corrupted) ownerOf(cell).corrupted.push(cell);
  return views;
}
