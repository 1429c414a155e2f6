/** The versioned records: what ran, with which parameters, on what, and what came out. Written once, never edited; the site is a function of them. */
import { z } from 'zod';
import { PRECISIONS } from '../tensor/precision.ts';
import { diagnosisSchema } from './masking/diagnosis.ts';
import { outsideSchema } from './schemas/outside.ts';
import { ballSchema, corruptionSchema } from './schemas/threat.ts';
import { costSchema, epochSchema, passesSchema, suspendedSchema, tuningSchema } from './schemas/training.ts';

export { type OutsideRecord, outsideSchema } from './schemas/outside.ts';
export { costSchema, epochSchema, passesSchema } from './schemas/training.ts';

export const RECORD_VERSION = 1;

const sha = z.string().regex(/^[0-9a-f]{64}$/);

const plugin = z.strictObject({
  name: z.string(),
  version: z.number().int(),
  /** Every parameter, given and defaulted. */
  params: z.record(z.string(), z.unknown()),
});

/** A paper for the bibliography; `venue` is absent where it has appeared on arXiv alone. */
export const paperSchema = z.strictObject({
  key: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9:_-]*$/),
  author: z.string(),
  title: z.string(),
  venue: z.string().optional(),
  year: z.number().int(),
  arxiv: z.string().optional(),
});
export type PaperRecord = z.infer<typeof paperSchema>;

/** The papers that the text `paper` names, where its plug-in gives them. */
const references = z.array(paperSchema).readonly().optional();

/** An engine as it ran. */
export const engineSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  device: z.string(),
  threads: z.number().int(),
  /** Absent where the engine leaves no choice, and in records from before there was one. */
  precision: z.enum(PRECISIONS).optional(),
  /** Of a GPU, as its driver calls it, where that is known. */
  deviceName: z.string().optional(),
});

/** Where and with what a job ran. Never part of the comparison of two runs. */
export const provenanceSchema = z.strictObject({
  rampart: z.string(),
  revision: z.string(),
  node: z.string(),
  engine: engineSchema,
  host: z.strictObject({ cpu: z.string(), cores: z.number().int(), memoryGb: z.number(), platform: z.string() }),
  startedAt: z.string(),
});

/** A condition that a reader should know of; `docs/flags.md` explains each name. */
export const flagSchema = z.strictObject({ name: z.string(), detail: z.string() });

export const errorSchema = z.strictObject({
  message: z.string(),
  kind: z.enum(['error', 'budget', 'killed', 'timeout', 'memory', 'dependency']),
});

/** Images by their index in a split; the first so many when absent. */
const selection = z.union([
  z.strictObject({ from: z.number().int(), count: z.number().int() }),
  z.strictObject({ indices: z.array(z.number().int()).readonly() }),
]);

/** What the user of a model from elsewhere knew of it, which it was held to. */
const known = {
  expect: z.strictObject({ clean: z.number(), tolerance: z.number() }).optional(),
  /** The file of logits, by its name and SHA-256. */
  reference: z.strictObject({ file: z.string(), hash: z.string(), tolerance: z.number().optional() }).optional(),
};

/** A trained or pretrained classifier. */
export const modelRecordSchema = z.strictObject({
  schema: z.literal(RECORD_VERSION),
  kind: z.literal('model'),
  key: z.string(),
  status: z.enum(['done', 'failed']),
  error: errorSchema.optional(),
  /** Unique within the suite: `trades`, or `trades beta=3 (seed 1)` where a suite has several. */
  name: z.string(),
  dataset: z.strictObject({
    ...plugin.shape,
    hash: z.string(),
    train: z.number().int(),
    validation: z.number().int(),
    test: z.number().int(),
    /** Which images those are, where they are not the first of their split. */
    selection: z.strictObject({ train: selection.optional(), test: selection.optional() }).optional(),
    classNames: z.array(z.string()),
  }),
  arch: z.strictObject({ name: z.string(), version: z.number().int(), parameters: z.number().int(), multiplyAdds: z.number() }),
  /** For a wrapper, what was wrapped around the model `wraps`. */
  defense: z.strictObject({
    ...plugin.shape,
    title: z.string(),
    paper: z.string(),
    references,
    kind: z.enum(['training', 'wrapper', 'pretrained']),
    /** `baseline`: no defense, what the others are compared with. */
    role: z.literal('baseline').optional(),
  }),
  wraps: z.string().optional(),
  /** Where its parameters were chosen here and not given. */
  tuning: tuningSchema.optional(),
  threat: ballSchema.optional(),
  recipe: z.record(z.string(), z.unknown()),
  seed: z.number().int(),
  extraData: z.boolean(),
  /** SHA-256 of the file of weights; of a model that ran outside, of its parameters and buffers as it told it; of one behind an endpoint, of what is known of that. */
  weightsHash: z.string(),
  /** Of a model from elsewhere: its file as it was read, the normalisation that it runs with, unless its file has code of its own, and what its user knew of it. */
  imported: z
    .strictObject({
      file: z.string(),
      kind: z.string(),
      normalization: z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) }).optional(),
      notes: z.array(z.string()),
      /** Of its batch normalisations, where it is not the family's. */
      bnEps: z.number().optional(),
      ...known,
    })
    .optional(),
  /** Of a model that ran outside of this program: what was asked, and what was known of it. */
  outside: z.strictObject({ source: outsideSchema, ...known }).optional(),
  epochs: z.array(epochSchema),
  /** The epoch whose weights were kept, by PGD accuracy on the validation split. */
  bestEpoch: z.number().int().optional(),
  cost: costSchema,
  flags: z.array(flagSchema),
  provenance: provenanceSchema,
});

/**
 * One model under one attack in one threat model. The attack `clean` is no attack: the clean accuracy.
 * Beside `<key>.json`, `<key>.examples.safetensors` may hold a few examples that were broken: `ids` [k], `clean` and `adversarial` [k,h,w,c] in [0,1],
 * and `confidences` [k], the softmax probability of the predicted class on each adversarial example.
 */
export const cellRecordSchema = z.strictObject({
  schema: z.literal(RECORD_VERSION),
  kind: z.literal('cell'),
  key: z.string(),
  status: z.enum(['done', 'failed']),
  error: errorSchema.optional(),
  /** Key and name of the model record. */
  model: z.strictObject({ key: z.string(), name: z.string(), weightsHash: z.string() }),
  attack: z.strictObject({
    ...plugin.shape,
    /** Unique within the suite: `pgd`, or `pgd steps=100`. */
    label: z.string(),
    title: z.string(),
    paper: z.string(),
    references,
    /** `none` is no attack: the clean accuracy. */
    access: z.enum(['none', 'gradient', 'scores', 'decision', 'transfer']),
    /** Forward and backward passes per example together that it had, where it was limited. */
    budget: z.number().int().min(1).optional(),
    /** Which of several runs with other random numbers it is, from 1; absent for the first. */
    draw: z.number().int().min(1).optional(),
    /** `baseline` searches blindly; `ensemble` is several attacks in order, each on what those before it left. */
    role: z.enum(['baseline', 'ensemble']).optional(),
    /** `false`: its points may be at any distance, and `threat` is the ball beside which it is shown. */
    bounded: z.literal(false).optional(),
  }),
  threat: z.union([ballSchema, corruptionSchema]),
  seed: z.number().int(),
  dataset: z.strictObject({ name: z.string(), hash: z.string() }),
  /** Examples attacked. */
  n: z.number().int(),
  /** Index in the data set's test split of each example, in order; 0..n-1 when absent. */
  indices: z.array(z.number().int().nonnegative()).optional(),
  /** Robust accuracy in [0,1] and its 95 % Wilson interval. */
  accuracy: z.number(),
  interval: z.tuple([z.number(), z.number()]),
  /** One character per example, in order. */
  outcomes: z.strictObject({
    /** `1`: classified right after the attack. */
    robust: z.string(),
    labels: z.array(z.number().int()),
    /** Predicted class on the adversarial example. */
    predictions: z.array(z.number().int()),
    /** Norm of each perturbation in the cell's norm, rounded to 6 digits; 0 where the input was returned. */
    distances: z.array(z.number()),
    /**
     * Of an attack with a budget, or one for the smallest perturbation: whether any error was asked about, a character per example, and the
     * distance of the nearest, rounded to 6 digits, within the radius or beyond; 0 where there was none, and where the image itself is wrong.
     */
    nearest: z.strictObject({ found: z.string(), distances: z.array(z.number()) }).optional(),
    /** Softmax probability of the predicted class, rounded to 4 digits; on the cell `clean`. */
    confidences: z.array(z.number()).optional(),
  }),
  /** Summed over examples: what the search of each used, whatever ran beside it. */
  passes: passesSchema,
  /** Spent beside that on attempts begun ahead, to fill passes, and thrown away: it depends on the batch size. */
  overhead: passesSchema.optional(),
  /** Of a model behind an endpoint: images sent by the process that ended the cell, and images whose answers were kept from before. */
  asked: z.strictObject({ sent: z.number().int(), kept: z.number().int() }).optional(),
  wallMs: z.number(),
  suspendedMs: suspendedSchema,
  /** Images per pass, as many as fitted. */
  batchSize: z.int().min(1).optional(),
  imagesPerSecond: z.number(),
  /** The most that the process held during the job, with what it still kept of cells before: less than 256 MB, or than a fresh worker has. */
  peakMemoryMb: z.number(),
  /** Of an attack that is fitted to the model first: what it chose, such as a loss. */
  choice: z.string().optional(),
  /** Per member of an ensemble: examples that came in and left robust. */
  members: z
    .array(
      z.strictObject({
        attack: z.string(),
        entered: z.number().int(),
        left: z.number().int(),
        passes: passesSchema,
        overhead: passesSchema.optional(),
        wallMs: z.number(),
        choice: z.string().optional(),
      }),
    )
    .optional(),
  /** Of a cell that was attacked in ranges of its images, each by a job of its own: where each was made, and in what time. `wallMs` is the sum of them and of putting them together. */
  shards: z
    .array(z.strictObject({ from: z.int().nonnegative(), count: z.int().min(1), wallMs: z.number(), provenance: provenanceSchema }))
    .optional(),
  /** SHA-256 of the file of kept examples, where some were kept. */
  examples: z.string().optional(),
  /** SHA-256 of the files of images that were kept to be published: the originals of the first so many `images`, and of these the ones that the attack broke. */
  published: z.strictObject({ images: z.int().min(0), originals: sha, points: sha }).optional(),
  /** On the cell `clean` of a model from elsewhere: what was looked at before any attack, which `passes` does not count; `randomized` where two calls differed unannounced. */
  checks: z.strictObject({ images: z.number().int(), passes: passesSchema, randomized: z.boolean() }).optional(),
  /** On the cell `clean`: what was measured of the model to find masked gradients, with its own cost, which `passes` and `wallMs` do not count. */
  diagnosis: diagnosisSchema.optional(),
  /** Examples still right after each iteration. */
  survivors: z.array(z.tuple([z.number().int(), z.number().int()])).optional(),
  flags: z.array(flagSchema),
  provenance: provenanceSchema,
});

export type Provenance = z.infer<typeof provenanceSchema>;
export type Flag = z.infer<typeof flagSchema>;
export type Epoch = z.infer<typeof epochSchema>;
export type ModelRecord = z.infer<typeof modelRecordSchema>;
export type AnyCellRecord = z.infer<typeof cellRecordSchema>;
/** A cell in a ball: all that attacks make. */
export type CellRecord = Omit<AnyCellRecord, 'threat'> & { threat: z.infer<typeof ballSchema> };
/** A cell on corrupted images. */
export type CorruptedRecord = Omit<AnyCellRecord, 'threat'> & { threat: z.infer<typeof corruptionSchema> };
export type RampartRecord = ModelRecord | AnyCellRecord;

export const isCorrupted = (cell: AnyCellRecord): cell is CorruptedRecord => cell.threat.kind === 'corruption';
export const isInBall = (record: RampartRecord): record is CellRecord => record.kind === 'cell' && !isCorrupted(record);

/** What a job ran on, in words: times of jobs of which these are the same may be compared. */
export function deviceOf({ engine: { name, version, device, threads, precision, deviceName }, host: { cpu } }: Provenance): string {
  const chip = device === 'cpu' ? `${cpu} (threads: ${threads})` : (deviceName ?? `${device} beside ${cpu}`);
  return `${chip}, ${name} ${version}${precision === undefined || precision === 'fp32' ? '' : ` in ${precision}`}`;
}

/** What a cell ran on: several where its shards were made by unlike machines. */
export function devicesOf({ provenance, shards }: Pick<CellRecord, 'provenance' | 'shards'>): string[] {
  return [...new Set(shards ? shards.map((shard) => deviceOf(shard.provenance)) : [deviceOf(provenance)])];
}

/** The test images that a cell's outcomes are of, in their order. */
export function indicesOf({ n, indices }: Pick<CellRecord, 'n' | 'indices'>): readonly number[] {
  return indices ?? Array.from({ length: n }, (_, i) => i);
}
