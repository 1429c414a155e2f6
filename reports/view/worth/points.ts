/** Models of a training ended earlier than another one: points of a curve, and no rows of a board. */
import { type CellRecord, isInBall, type ModelRecord, type RampartRecord } from '../../../records/record.ts';
import { canonical } from '../../../records/slug.ts';

/** The training of `whole` ended after the part `until` of its epochs, and what it was put to. */
export interface PointView {
  readonly record: ModelRecord;
  readonly until: number;
  /** Key of the training that went on. */
  readonly whole: string;
  readonly cells: readonly CellRecord[];
}

/** What two trainings share that differ in where they ended. */
function lineOf({ recipe, dataset, arch, defense, threat, seed, provenance, tuning }: ModelRecord): string {
  const { until: _, ...rest } = recipe;
  const { name, version, params } = defense;
  // which of several GPUs of a kind it was is no matter, as in keys
  const { deviceName: __, ...engine } = provenance.engine;
  return canonical([dataset.hash, arch.name, name, version, params, rest, threat, seed, engine, tuning?.trials ?? []]);
}

/** Takes the points out of the records. One whose whole training is not among them is a model like any other. */
export function pointsOf(records: readonly RampartRecord[]): { points: PointView[]; others: RampartRecord[] } {
  const trained = records.filter((r): r is ModelRecord => r.kind === 'model' && r.defense.kind === 'training');
  const wholes = new Map(trained.filter((r) => r.recipe.until === undefined).map((r) => [lineOf(r), r.key]));
  const cells = new Map<string, CellRecord[]>();
  for (const r of records.filter(isInBall)) cells.set(r.model.key, [...(cells.get(r.model.key) ?? []), r]);
  const points = trained.flatMap((record): PointView[] => {
    const { until } = record.recipe;
    const whole = typeof until === 'number' ? wholes.get(lineOf(record)) : undefined;
    return whole === undefined ? [] : [{ record, until: until as number, whole, cells: cells.get(record.key) ?? [] }];
  });
  const taken = new Set(points.map(({ record }) => record.key));
  return { points, others: records.filter((r) => !taken.has(r.kind === 'model' ? r.key : r.model.key)) };
}
