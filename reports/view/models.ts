/** The models of a site: names that tell them apart, seeds that belong together, cells. */
import { RampartError } from '../../errors.ts';
import type { CellRecord, ModelRecord } from '../../records/record.ts';
import { canonical, uniqueSlugs } from '../../records/slug.ts';
import type { ModelView } from './view.ts';

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

/** By key. Throws where a cell belongs to no model. */
export function viewModels(records: readonly ModelRecord[], cells: readonly CellRecord[]): Map<string, ModelView> {
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
    siblings.sort((a, b) => a.record.seed - b.record.seed || (a.record.key < b.record.key ? -1 : 1));
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
