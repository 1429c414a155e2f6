/** Whether a record can be used: done, and with everything that belongs to it. */
import type { JobRecord } from './record-file.ts';
import type { Store } from './store.ts';

/** Why a record cannot be reused, or undefined where it can. What is damaged rather than missing, the store tells itself. */
async function lacking(record: JobRecord, store: Store): Promise<string | undefined> {
  if (record.kind === 'shard')
    return (await store.checkpoint('shard', record.key).load((state) => state.length)) === undefined ? 'its outcomes' : undefined;
  if (record.kind === 'cell') {
    if (record.examples && !(await store.examples(record))) return 'its examples';
    const { originals, points } = record.published ?? {};
    for (const hash of [originals, points]) if (hash !== undefined && !(await store.images(hash))) return 'its published images';
    return undefined;
  }
  if (record.wraps !== undefined || record.outside) return undefined; // without weights of their own here
  return (await store.artifact(record.weightsHash)) ? undefined : 'its weights';
}

/** The record where it is done and whole. `lacks` is told what is not there. */
export async function whole<R extends JobRecord>(
  record: R | undefined,
  store: Store,
  lacks: (what: string) => void = () => undefined,
): Promise<R | undefined> {
  if (record?.status !== 'done') return undefined;
  const what = await lacking(record, store);
  if (what === undefined) return record;
  lacks(what);
  return undefined;
}
