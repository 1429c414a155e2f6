/** What a store already has of a plan: records that are done, with everything that belongs to them. */
import type { RampartRecord } from '../../records/record.ts';
import type { Store } from '../../records/store.ts';
import { whole } from '../../records/whole.ts';
import type { CellJob, ModelJob } from '../job/job.ts';
import type { Plan, Planned } from './plan.ts';

/** The job of something planned, as far as the records of what it needs are known. */
export function jobOf(planned: Planned, record: (id: string) => RampartRecord | undefined): ModelJob | CellJob {
  if (planned.kind === 'model') return planned.job;
  const weightsHash = (key: string) => {
    const model = record(key);
    return model?.kind === 'model' ? model.weightsHash : '';
  };
  return planned.job(weightsHash, (id) => record(id)?.key ?? '');
}

/** By the id of what is planned, the one of `records` that makes it unnecessary. */
export async function reusable(
  plan: Plan,
  records: readonly RampartRecord[],
  store: Store,
  lacks?: (planned: Planned, what: string) => void,
): Promise<Map<string, RampartRecord>> {
  const byKey = new Map(records.map((record) => [record.key, record]));
  const known = new Map<string, RampartRecord>();
  for (const planned of [...plan.models, ...plan.cells]) {
    if (!planned.needs.every((id) => known.has(id))) continue;
    const { key } = jobOf(planned, (id) => known.get(id));
    const record = await whole(byKey.get(key), store, (what) => lacks?.(planned, what));
    if (record) known.set(planned.id, record);
  }
  return known;
}
