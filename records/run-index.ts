/** Which records of a store belong to the suite that ran last in it, and what it calls them: records are never edited, names may change. */
import { z } from 'zod';
import { engineSchema, type ModelRecord, type RampartRecord } from './record.ts';

/** An engine as it started, and what else of the machine a run has asked for. */
const probeSchema = z.strictObject({
  info: engineSchema.extend({ details: z.record(z.string(), z.string()), warnings: z.array(z.string()).readonly() }),
  devices: z.array(z.string()).readonly(),
  why: z.string(),
});

/** What a plan needs to know of a data set: how many images there are, and the hash of those that a suite selects and attacks. */
const dataFactsSchema = z.strictObject({
  counts: z.strictObject({ train: z.number().int().min(0), test: z.number().int().min(0) }),
  hash: z.string(),
  train: z.string(),
  test: z.string(),
  attacked: z.array(z.string()).readonly(),
  /** Hashes of the files of the labels of these images; runs of before kept them in every record. */
  labels: z.array(z.string()).readonly().optional(),
  /** Of its images and labels; runs of before did not note it. */
  form: z
    .strictObject({ shape: z.tuple([z.number().int(), z.number().int(), z.number().int()]).readonly(), classes: z.number().int() })
    .optional(),
});
export type DataFacts = z.infer<typeof dataFactsSchema>;

const knownDataSchema = z.strictObject({ asked: z.string(), facts: dataFactsSchema });
/** Facts, and of what they depend: where that is the same, the data set need not be loaded to know them. */
export type KnownData = z.infer<typeof knownDataSchema>;

const knownBatchSizeSchema = z.strictObject({ of: z.string(), size: z.int().min(1) });
/** Images per pass that a network was brought down to because more did not fit in memory; `of` is a hash of what that depends on. */
export type KnownBatchSize = z.infer<typeof knownBatchSizeSchema>;

export const indexSchema = z.strictObject({
  suite: z.strictObject({ name: z.string(), title: z.string(), description: z.string(), file: z.string() }),
  /** The engine that the run was planned for, and of what that answer depends: where it still holds, no engine has to be started to ask. */
  engine: z.strictObject({ asked: z.string(), probe: probeSchema }).optional(),
  data: z.array(knownDataSchema).readonly().optional(),
  batchSizes: z.array(knownBatchSizeSchema).readonly().optional(),
  /** Whether the site is to hold the weights of its models. */
  weights: z.boolean().optional(),
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

/** The records of the suite that ran last, under its names and in its order; all of them where there is no index. */
export function recordsOfRun(all: readonly RampartRecord[], index: RunIndex | undefined): RampartRecord[] {
  if (!index) return [...all];
  const byKey = new Map(all.map((record) => [record.key, record]));
  return index.records.flatMap(({ key, model, attack, data }): RampartRecord[] => {
    const record = byKey.get(key);
    if (!record) return [];
    if (record.kind === 'model') return [{ ...record, name: model, dataset: { ...record.dataset, ...data } }];
    return [{ ...record, model: { ...record.model, name: model }, attack: { ...record.attack, label: attack ?? record.attack.label } }];
  });
}

/** What can be shown of records some of which are missing: a cell says nothing without its model, nor a wrapper without what it wraps. */
export function showable(records: readonly RampartRecord[]): { shown: RampartRecord[]; orphans: RampartRecord[] } {
  const models = new Map(records.flatMap((r): [string, ModelRecord][] => (r.kind === 'model' ? [[r.key, r]] : [])));
  const whole = (model: ModelRecord | undefined): boolean => {
    const passed = new Set<ModelRecord>();
    for (let inner = model; inner && !passed.has(inner); inner = models.get(inner.wraps)) {
      if (inner.wraps === undefined) return true;
      passed.add(inner);
    }
    return false; // what it wraps is not there, or is the model itself
  };
  const isShown = (r: RampartRecord) => whole(r.kind === 'model' ? r : models.get(r.model.key));
  return { shown: records.filter(isShown), orphans: records.filter((r) => !isShown(r)) };
}
