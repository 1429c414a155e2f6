/** Which records of an output folder belong to the suite that ran last in it, and what it calls them: records are never edited, names may change. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { RampartError } from '../errors.ts';
import { writeAtomic } from './atomic.ts';
import { readRecords } from './folder-store.ts';
import type { RampartRecord } from './record.ts';

const indexSchema = z.strictObject({
  suite: z.strictObject({ name: z.string(), title: z.string(), description: z.string(), file: z.string() }),
  records: z.array(
    z.strictObject({
      kind: z.enum(['model', 'cell']),
      key: z.string(),
      model: z.string(),
      attack: z.string().optional(),
      /** The test set that the model is attacked on in this run: a model may be older than a longer one. */
      data: z.strictObject({ hash: z.string(), test: z.number().int() }).optional(),
    }),
  ),
});
export type RunIndex = z.infer<typeof indexSchema>;

export async function writeIndex(dir: string, index: RunIndex): Promise<void> {
  await writeAtomic(join(dir, 'run.json'), `${JSON.stringify(index, null, 1)}\n`);
}

/** The index of an output folder, or undefined where no run has ended. */
export async function readIndex(dir: string): Promise<RunIndex | undefined> {
  const file = join(dir, 'run.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
  const parsed = indexSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new RampartError(`[store] ${file} is not an index of this version`, { remedy: 'run the suite again' });
  return parsed.data;
}

/** The records of the suite that ran last in a folder, under its names and in its order; all records where there is no index. */
export async function readRun(dir: string): Promise<RampartRecord[]> {
  const all = await readRecords(dir);
  const index = await readIndex(dir);
  if (!index) return all;
  const byKey = new Map(all.map((record) => [record.key, record]));
  return index.records.flatMap(({ key, model, attack, data }): RampartRecord[] => {
    const record = byKey.get(key);
    if (!record) return [];
    if (record.kind === 'model') return [{ ...record, name: model, dataset: { ...record.dataset, ...data } }];
    return [{ ...record, model: { ...record.model, name: model }, attack: { ...record.attack, label: attack ?? record.attack.label } }];
  });
}
