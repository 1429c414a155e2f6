/** What models and attacks cost, and what of it may be compared. */
import { type CellRecord, deviceOf, devicesOf, type ModelRecord } from '../../records/record.ts';
import { canonical } from '../../records/slug.ts';
import { type ModelView, type Row, trainingPasses } from './view.ts';

/** Against the undefended model of the same architecture and training images, with the same recipe where there is one. */
export function costRatio(model: ModelView, models: readonly ModelView[]): Row['ratio'] {
  const { record } = model;
  const same = (r: ModelRecord) =>
    r.status === 'done' &&
    r.defense.role === 'baseline' &&
    r.dataset.hash === record.dataset.hash &&
    r.dataset.train === record.dataset.train &&
    r.arch.name === record.arch.name &&
    trainingPasses(r) > 0;
  const bases = models.map((m) => m.record).filter(same);
  const base = bases.find((r) => canonical(r.recipe) === canonical(record.recipe)) ?? bases[0];
  if (!base || record.status !== 'done' || trainingPasses(record) === 0) return undefined;
  return {
    passes: trainingPasses(record) / trainingPasses(base),
    time:
      deviceOf(base.provenance) === deviceOf(record.provenance) && base.cost.wallMs > 0 ? record.cost.wallMs / base.cost.wallMs : undefined,
  };
}

/** Of all attacks on one model together. */
export function attackCost(cells: ReadonlyMap<string, CellRecord>): Row['attackCost'] {
  const total = { forward: 0, backward: 0, wallMs: 0 };
  const devices = new Set<string>();
  for (const cell of cells.values()) {
    total.forward += cell.passes.forward;
    total.backward += cell.passes.backward;
    total.wallMs += cell.wallMs;
    if (cell.status === 'done') for (const device of devicesOf(cell)) devices.add(device);
  }
  return { ...total, devices: [...devices].sort() };
}
