/**
 * What coordinator and workers tell each other through a queue: plain data, checked where it is taken. A job names data, weights and plug-ins
 * by hash or key, and no path: who can write to the queue has no file of a worker read that way, and no code run that the worker was not started with.
 */
import { z } from 'zod';
import { SEVERITIES } from '../../../corruptions/corruption.ts';
import { outsideSchema, provenanceSchema } from '../../../records/record.ts';
import { rangeOfKey, shardKey } from '../../../records/shard.ts';
import { SIZES } from '../../../tensor/norms/index.ts';
import { PRECISIONS } from '../../../tensor/precision.ts';
import type { Job, RunSettings } from '../../job/job.ts';
import { MOST_BATCH, MOST_MINUTES } from '../../suite/most.ts';
import { recipeSchema } from '../../suite/recipe.ts';
import { MOST_IMAGES } from '../../suite/selection.ts';

const text = z.string().max(4096);
const key = z.string().regex(/^[0-9a-f]{24}$/);
const sha = z.string().regex(/^[0-9a-f]{64}$/);
const whole = z.number().int().min(0);
/** A name and never a way to another folder. */
const fileName = text.regex(/^[^/\\\0]+$/).refine((name) => name !== '..' && name !== '.');

const pluginRef = z.strictObject({
  name: text,
  version: z.number().int(),
  params: z.record(z.string(), z.unknown()),
  source: sha.optional(),
  inner: z.strictObject({ name: text, version: z.number().int(), source: sha.optional() }).optional(),
});
const archRef = z.strictObject({ name: text, version: z.number().int(), source: sha.optional() });

const place = whole.max(MOST_IMAGES);
/** Looked at until the first that is none: millions of them that are wrong would be millions of messages. */
const places = z.custom<number[]>(
  (value) =>
    Array.isArray(value) &&
    value.length <= MOST_IMAGES &&
    value.every((each) => Number.isInteger(each) && each >= 0 && each <= MOST_IMAGES),
  'expected places of images',
);
const selection = z.union([z.strictObject({ from: place, count: place }), z.strictObject({ indices: places })]);
const images = z.strictObject({ selection, hash: sha });
const data = z.strictObject({
  label: text,
  plugin: pluginRef,
  form: z.strictObject({ shape: z.tuple([whole, whole, whole]), classes: whole }),
  hash: sha,
  train: images,
  test: images,
});
const threat = z.strictObject({ kind: z.literal('ball').optional(), norm: z.enum(SIZES), eps: z.number().min(0) });
const corruption = z.strictObject({
  kind: z.literal('corruption'),
  name: text,
  version: z.int(),
  severity: z.literal(SEVERITIES),
  photographs: sha.optional(),
});
const engine = z.strictObject({
  name: text,
  version: text,
  device: text,
  threads: whole.optional(),
  precision: z.enum(PRECISIONS).optional(),
});

const known = {
  title: text,
  paper: text,
  extraData: z.boolean(),
  expect: z.strictObject({ clean: z.number(), tolerance: z.number() }).optional(),
  reference: z.strictObject({ hash: sha, file: fileName, tolerance: z.number().optional() }).optional(),
};
const numbers = z.array(z.number()).max(1024);
const origin = z.discriminatedUnion('by', [
  z.strictObject({
    by: z.literal('training'),
    defense: pluginRef,
    threat,
    recipe: recipeSchema,
    tuning: z
      .strictObject({
        budget: z.number().min(0),
        trials: z
          .array(z.strictObject({ key, defense: pluginRef }))
          .min(1)
          .max(1000),
      })
      .optional(),
    alsoLast: z.strictObject({ key, name: text }).optional(),
    points: z
      .array(z.strictObject({ key, name: text, until: z.number().gt(0).lt(1) }))
      .max(1000)
      .optional(),
  }),
  z.strictObject({ by: z.literal('wrapper'), defense: pluginRef, base: key }),
  z.strictObject({
    by: z.literal('pretrained'),
    weightsHash: sha,
    file: fileName,
    normalization: z.strictObject({ mean: numbers, std: numbers }).optional(),
    bnEps: z.number().optional(),
    ...known,
  }),
  z.strictObject({ by: z.literal('torchscript'), weightsHash: sha, file: fileName, ...known }),
  z.strictObject({
    by: z.literal('outside'),
    source: z.union([
      z.strictObject({ model: outsideSchema, weights: sha, parameters: whole, multiplyAdds: whole, activations: whole }),
      z.strictObject({ failure: text }),
    ]),
    ...known,
  }),
]);

const modelRef = z.strictObject({ key, name: text, weightsHash: sha });
const cell = {
  model: modelRef,
  attack: z.strictObject({ label: text, plugin: pluginRef, budget: whole.optional(), draw: whole.min(1).optional() }),
  threat: z.union([threat, corruption]),
  seed: whole,
  data,
  images,
  sources: z.array(modelRef.extend({ alias: text })).max(1000),
  clean: key.optional(),
  smaller: key.optional(),
  diagnosis: whole.min(1).optional(),
  engine,
};
const range = z.strictObject({ from: place, count: place.min(1) });
const keyOfShard = text.refine((value) => rangeOfKey(value) !== undefined);
const jobSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('model'), key, name: text, data, arch: archRef, origin, seed: whole, engine }),
  z.strictObject({ ...cell, kind: z.literal('cell'), key, shards: z.array(range).max(MOST_IMAGES).optional() }),
  z
    .strictObject({ ...cell, kind: z.literal('shard'), key: keyOfShard, cell: key, range })
    .refine((job) => job.key === shardKey(job.cell, job.range)),
]) satisfies z.ZodType<Job>;

const settingsSchema = z.strictObject({
  plugins: z.array(z.array(z.strictObject({ path: text, hash: sha })).max(1000)).max(100),
  keepExamples: whole.max(10_000),
  publish: whole.max(10_000).optional(),
  timeoutMinutes: z.number().gt(0).max(MOST_MINUTES).optional(),
}) satisfies z.ZodType<RunSettings>;

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** A job of every kind goes through the queue, or this does not compile. */
export const asOrdered = (job: Job): DeepReadonly<z.infer<typeof jobSchema>> => job;

/** One job on the queue. */
export const orderSchema = z.strictObject({ settings: settingsSchema, job: jobSchema, batchSize: z.number().int().min(1).max(MOST_BATCH) });
export type Order = z.infer<typeof orderSchema>;

/** No job has more parts, lists of numbers apart, or parts inside of parts. */
const MOST_PARTS = 50_000;
const DEEPEST = 64;

/** Whether something is larger than a job: to check it would keep a worker from all else. */
function isLarge(value: unknown): boolean {
  const open = [{ value, depth: 0 }];
  for (let parts = 0; ; ) {
    const next = open.pop();
    if (!next) return false;
    if (typeof next.value !== 'object' || next.value === null) continue;
    if (Array.isArray(next.value) && next.value.every((each) => typeof each === 'number')) continue;
    const inner = Object.values(next.value);
    parts += inner.length;
    if (parts > MOST_PARTS || next.depth > DEEPEST) return true;
    for (const part of inner) open.push({ value: part, depth: next.depth + 1 });
  }
}

/** What a queue holds as a job, or what is wrong with it. */
export function readOrder(data: unknown): { readonly order: Order } | { readonly wrong: string } {
  if (isLarge(data)) return { wrong: 'it is larger than any' };
  const { data: order, error } = orderSchema.safeParse(data);
  const issue = error?.issues[0];
  return order ? { order } : { wrong: `${issue?.path.join('.')} ${issue?.message}` };
}

const failure = z.strictObject({ kind: z.enum(['error', 'budget', 'killed', 'timeout', 'memory', 'dependency']), message: z.string() });

/** A worker's last word on a job: its record is in the folder, or there is none and this is why. */
export const answerSchema = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('done') }),
  z.strictObject({ is: z.literal('failed'), error: failure, fatal: z.boolean(), provenance: provenanceSchema.optional() }),
]);
export type Answer = z.infer<typeof answerSchema>;

/** What workers log of a job after their names: the one who was lost at it has begun it, and not given it back. */
export const [BEGAN, GAVE_BACK] = [' began', ' gave it back'];

/** How far a job is, and where. */
export const progressSchema = z.strictObject({ worker: text, fraction: z.number(), detail: text });

/** A worker as it shows itself, every few seconds. */
export const workerSchema = z.strictObject({
  /** Host and process. */
  name: text,
  rampart: text,
  revision: text,
  info: z.strictObject({
    name: text,
    version: text,
    device: text,
    threads: whole,
    precision: z.enum(PRECISIONS).optional(),
    deviceName: text.optional(),
    details: z.record(z.string(), z.string()),
    warnings: z.array(z.string()).readonly(),
  }),
  devices: z.array(text).readonly(),
  why: text,
  /** What it runs on, as its records will say. */
  runsOn: text,
  /** Jobs that it does at a time. */
  slots: whole,
  /** Names of those that it does. */
  doing: z.array(text).readonly(),
});
export type WorkerInfo = z.infer<typeof workerSchema>;

/** How far a run is, for whoever asks. `left` is the time that it will still take, in ms. */
export const runStateSchema = z.strictObject({ finished: whole, total: whole, left: z.number().min(0), lost: whole });
export type RunState = z.infer<typeof runStateSchema>;

/** What a worker must have to be given work of a run. */
const needed = { engine, rampart: text, revision: text };
const needs = z.strictObject(needed);
export type Needs = z.infer<typeof needs>;

/** What a run says to all workers of its folder: which of them it has work for, or that there will be no more, and what it was done on, if
 * anything was. `at`: by the clock of Redis, in ms. */
export const runNoteSchema = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('begun') }),
  z.strictObject({ is: z.literal('running'), ...needed }),
  z.strictObject({ is: z.literal('done'), at: whole, on: needs.optional() }),
]);
export type RunNote = z.infer<typeof runNoteSchema>;
