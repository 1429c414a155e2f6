/** What models and attacks cost, and what of it may be compared. */
import type { CellRecord, ModelRecord } from '../../records/record.ts';
import { canonical } from '../../records/slug.ts';
import { type ModelView, type Row, trainingPasses } from './view.ts';

/** Where two wall times may be compared: same engine, device, threads and host. */
const machine = (record: ModelRecord) => canonical([record.provenance.engine, record.provenance.host]);

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
    time: machine(base) === machine(record) && base.cost.wallMs > 0 ? record.cost.wallMs / base.cost.wallMs : undefined,
  };
}

/** Of all attacks on one model together. */
export function attackCost(cells: ReadonlyMap<string, CellRecord>): Row['attackCost'] {
  const total = { forward: 0, backward: 0, wallMs: 0 };
  for (const cell of cells.values()) {
    total.forward += cell.passes.forward;
    total.backward += cell.passes.backward;
    total.wallMs += cell.wallMs;
  }
  return total;
}
