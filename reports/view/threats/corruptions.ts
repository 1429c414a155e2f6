/** What a model is worth on corrupted images: accuracy by corruption and severity, and its errors against those of a model without a defense. */
import type { CorruptedRecord } from '../../../records/record.ts';
import { mean } from '../../../records/stats.ts';
import type { CorruptionRow, Corruptions, ModelView } from '../view.ts';

/** Undefined where the model was shown none. Of two records of one cell, from two engines, the first in order of keys counts. */
export function corruptionsOf(model: ModelView, models: readonly ModelView[]): Corruptions | undefined {
  const rows = rowsOf(model);
  if (rows.length === 0) return undefined;
  const baseline = baselineOf(model, models, rows);
  const own = baseline && rowsOf(baseline);
  const compared = rows.map((row, i) => ({ ...row, error: own && ratio(row, own[i] as CorruptionRow) }));
  const errors = compared.flatMap(({ error }) => error ?? []);
  return {
    rows: compared,
    failed: model.corrupted.filter(({ status }) => status === 'failed').length,
    accuracy: mean(rows.map(({ accuracy }) => accuracy)),
    relative: baseline && errors.length === rows.length ? { mce: mean(errors), baseline } : undefined,
  };
}

function rowsOf({ corrupted }: ModelView): CorruptionRow[] {
  const byName = new Map<string, Map<number, CorruptedRecord>>();
  for (const cell of corrupted) {
    if (cell.status !== 'done' || cell.n === 0) continue;
    const severities = byName.get(cell.threat.name) ?? new Map<number, CorruptedRecord>();
    byName.set(cell.threat.name, severities);
    if (!severities.has(cell.threat.severity)) severities.set(cell.threat.severity, cell);
  }
  const rows = [...byName].map(([name, severities]): CorruptionRow => {
    const cells = [...severities.values()].sort((a, b) => a.threat.severity - b.threat.severity);
    return { name, title: (cells[0] as CorruptedRecord).attack.title, cells, accuracy: mean(cells.map(({ accuracy }) => accuracy)) };
  });
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What must be equal for two models to have been shown the same. */
const shown = (rows: readonly CorruptionRow[]) =>
  rows.flatMap(({ cells }) => cells.map(({ threat, dataset, n, indices }) => JSON.stringify([threat, dataset.hash, n, indices]))).join();

/** The model without a defense of the same architecture and data that was shown the same, of the same seed where there is one. */
function baselineOf({ record }: ModelView, models: readonly ModelView[], rows: readonly CorruptionRow[]): ModelView | undefined {
  const fit = models.filter(
    ({ record: other }) =>
      other.defense.role === 'baseline' && other.dataset.hash === record.dataset.hash && other.arch.name === record.arch.name,
  );
  const same = fit.filter((other) => shown(rowsOf(other)) === shown(rows));
  return same.find(({ record: other }) => other.seed === record.seed) ?? same[0];
}

/** Undefined where the baseline makes no error. */
function ratio(own: CorruptionRow, other: CorruptionRow): number | undefined {
  const errors = ({ cells }: CorruptionRow) => cells.reduce((sum, { accuracy }) => sum + 1 - accuracy, 0);
  return errors(other) > 0 ? errors(own) / errors(other) : undefined;
}
