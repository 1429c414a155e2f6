/** The suite file: its parts as zod schemas. The parameters of a plug-in are checked by the plug-in's own schema, in suite.ts. */
import { z } from 'zod';
import { SEVERITIES } from '../../corruptions/corruption.ts';
import { CORRUPTION_NAMES } from '../../corruptions/index.ts';
import { SIZES } from '../../tensor/norms/index.ts';
import { PRECISIONS } from '../../tensor/precision.ts';
import { distinct, line, lines, name, path } from './limits.ts';
import { modelSchema } from './models.ts';
import { MOST_BATCH, MOST_MINUTES, MOST_PROCESSORS } from './most.ts';
import { CHECKPOINTS, recipeSchema } from './recipe.ts';
import { MOST_IMAGES, selectionSchema, trainSchema } from './selection.ts';

/** At most the diameter of the box, which depends on the norm and the images: see pairs.ts. */
const eps = z.number().min(0).max(1e9);

const changesSchema = z.record(z.string(), z.unknown());
const recipesSchema = z.record(name, changesSchema);

/** Keys that belong to the suite in an entry of `datasets`, `defenses` and `attacks`; every other key is a parameter of the plug-in. */
const datasetKeys = {
  name: name.describe('A data set: see `rampart ls datasets`'),
  label: name.optional().describe('Its name in tables, where one data set is listed twice with other parameters'),
  train: trainSchema.optional().describe('Training images: the first so many (0 for none), a range, or a file of indices; all when absent'),
  test: selectionSchema.optional().describe('Test images: the first so many, a range, or a file of indices; all when absent'),
  architectures: distinct(name, 100).min(1).optional().describe('Train only these architectures of the suite on it'),
  recipe: changesSchema.optional().describe('Changes to the recipe of the suite, on this data set'),
};

const kind = z.literal('ball').optional().describe('ball, unless given: all perturbations up to a size in a norm');

const ballSchema = z.strictObject({
  kind,
  norm: z.enum(SIZES),
  eps: z.union([eps, distinct(eps, 100).min(1)]).describe('The radius, such as 8/255; a list gives a security curve'),
  main: eps.optional().describe('The radius of a list that models train at; the largest unless given'),
});

const corruptionsSchema = z.strictObject({
  kind: z.literal('corruptions').describe('Common corruptions of the images, with no attacker behind them: docs/threats.md'),
  names: distinct(z.enum(CORRUPTION_NAMES), CORRUPTION_NAMES.length)
    .min(1)
    .optional()
    .describe('Which; all unless given, frost where its photographs are'),
  frost: path
    .optional()
    .describe('Folder with the photographs that frost is made of, frost1.png to frost5.png, relative to the suite: docs/threats.md'),
  severities: distinct(z.literal(SEVERITIES), SEVERITIES.length)
    .min(1)
    .optional()
    .describe('How much of each, from 1 to 5; all unless given'),
});

const threatSchema = z.discriminatedUnion('kind', [ballSchema, corruptionsSchema]);
export type BallEntry = z.infer<typeof ballSchema>;
export type CorruptionsEntry = z.infer<typeof corruptionsSchema>;

const checkpointsSchema = distinct(z.enum(CHECKPOINTS), CHECKPOINTS.length)
  .min(1)
  .optional()
  .describe(
    'Epochs whose weights are models of their own: `[best, last]` are two of one training, the second named `NAME (last)`; `[best]` unless given, or as recipe.keep says',
  );

const defenseKeys = {
  name: name.describe('A defense: see `rampart ls defenses`'),
  label: name.optional().describe('Its name in tables'),
  threat: z
    .strictObject({ kind, norm: z.enum(SIZES), eps })
    .optional()
    .describe('What to train against, where it is not the first threat of the suite'),
  recipe: changesSchema.optional().describe('Changes to the recipe of the suite, for this defense'),
  recipes: recipesSchema.optional().describe('Further changes, by architecture: they go before all others'),
  checkpoints: checkpointsSchema,
  tune: z
    .object({
      budget: z
        .number()
        .min(1)
        .max(1e9)
        .describe('Forward and backward passes per training image of all its trials together; the same for every defense that is tuned'),
    })
    .catchall(z.array(z.unknown()).min(1).max(100))
    .optional()
    .describe('Lists of values of its parameters: every combination is tried, and the best on the validation split is trained in full'),
  architectures: distinct(name, 100).min(1).optional().describe('Train it only in these architectures of the suite'),
  around: distinct(name, 1000)
    .min(1)
    .optional()
    .describe(
      'For a wrapper: labels of the defenses it is put around, or `NAME (last)` for one of two checkpoints; all trained ones unless given',
    ),
};

const attackKeys = {
  name: name.describe('An attack: see `rampart ls attacks`'),
  label: name.optional().describe('Its name in tables'),
  n: selectionSchema
    .optional()
    .describe("Attack only the first n of the suite's test images, or a range or a file of indices of the data set's own test images"),
  repeat: z
    .number()
    .int()
    .min(1)
    .max(100)
    .optional()
    .describe('Run it so many times with other random numbers: `NAME`, `NAME (draw 2)` and so on, whose spread and union its page shows'),
  budget: z
    .number()
    .int()
    .min(1)
    .max(1e9)
    .optional()
    .describe('Forward and backward passes per image together, counted by the harness: of what comes after them nothing counts'),
  norms: distinct(z.enum(SIZES), SIZES.length).min(1).optional().describe('Run it only in threats of these norms'),
  models: distinct(name, 1000)
    .min(1)
    .optional()
    .describe('Run it only on the models of these defenses, by label, or `NAME (last)` for one of two checkpoints'),
};

/** How long cells are cut. */
export const shardSchema = z
  .union([z.enum(['auto', 'off']), z.int().min(1).max(MOST_IMAGES)])
  .describe(
    'Images of each shard of a cell, a job of its own: auto cuts what takes over 15 minutes into some of 10, off none; --shard overrides it',
  );
export type ShardChoice = z.infer<typeof shardSchema>;

/** A few epochs of every training as models of their own. */
const curveSchema = z.strictObject({
  points: z
    .number()
    .int()
    .min(2)
    .max(100)
    .default(4)
    .describe('Parts of equal length of every training: what would be kept at the end of each is a model; the last is the training itself'),
  attacks: distinct(name, 100).min(1).describe('Labels of attacks of the suite, which these models are put to'),
  n: z.number().int().min(1).max(MOST_IMAGES).optional().describe('Attack only the first n test images of each attack'),
});

/** Images that a diagnosis looks at, unless told otherwise: an eighth of the test images, between these. */
export const DIAGNOSED = { least: 16, most: 64 };

const diagnosisSchema = z
  .union([z.enum(['auto', 'off']), z.int().min(1).max(MOST_IMAGES)])
  .default('auto')
  .describe(
    `Test images on which each model is looked at for masked gradients, beside its clean accuracy: auto takes an eighth of them, ${DIAGNOSED.least} to ${DIAGNOSED.most}, off none`,
  );

const engineSchema = z.strictObject({
  name: line(80).optional().describe('auto, wasm, torch, torch:cuda:0, ...; --engine overrides it'),
  threads: z.number().int().min(1).max(MOST_PROCESSORS).optional(),
  precision: z
    .enum(PRECISIONS)
    .optional()
    .describe('fp32 unless given; tf32 on an NVIDIA GPU; bf16: attacked networks in bfloat16. Part of every key; --precision overrides it'),
  workers: z.number().int().min(1).max(MOST_PROCESSORS).optional(),
  batchSize: z
    .number()
    .int()
    .min(1)
    .max(MOST_BATCH)
    .optional()
    .describe('Images per pass of an attack at most; found unless given: halved until they fit. Results do not depend on it'),
  shard: shardSchema.optional(),
});

const publishSchema = z.strictObject({
  adversarial: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe('Of the first so many images of every cell: the original, and what the attack made of it where that is misclassified'),
  weights: z.boolean().default(false).describe('The weights of every model, as safetensors'),
});

/** An entry with its parameters still unchecked; a bare string is an entry with its name only. */
function entryOf<S extends z.ZodRawShape>(keys: S) {
  return z.preprocess((value) => (typeof value === 'string' ? { name: value } : value), z.looseObject(keys));
}

export const suiteSchema = z.strictObject({
  name: z
    .string()
    .max(80)
    .regex(/^[a-z0-9][a-z0-9.-]*$/, 'lower-case letters, digits, dots and dashes')
    .describe('Results go to runs/<name> unless --out says otherwise'),
  extends: path
    .optional()
    .describe(
      'Another suite, relative to this one, that this one changes: keys are merged one by one, lists and everything else replace what it has, null takes away',
    ),
  title: line(200).optional().describe('On the page of the leaderboard; the name unless given'),
  description: lines(10_000).optional(),
  plugins: distinct(path, 100)
    .default([])
    .describe('Files with further defenses, attacks, data sets or architectures, relative to the suite'),
  datasets: z.array(entryOf(datasetKeys)).min(1).max(100),
  threats: z.array(threatSchema).min(1).max(100),
  architectures: distinct(name, 100).default([]),
  defenses: z.array(entryOf(defenseKeys)).max(1000).default([]),
  models: z.array(modelSchema).max(1000).default([]).describe('Pretrained models, attacked beside the trained ones'),
  attacks: z.array(entryOf(attackKeys)).max(1000).default([]),
  seeds: distinct(z.number().int().nonnegative(), 1000).min(1).default([0]),
  recipe: recipeSchema.prefault({}).describe('How models are trained'),
  recipes: recipesSchema
    .default({})
    .describe('Changes to it by architecture; those of a defense go before them, and they before those of a data set'),
  checkpoints: checkpointsSchema,
  curve: curveSchema
    .optional()
    .describe('Robust accuracy against the cost of training: attacks a few epochs of every training, each as a training that ends there'),
  engine: engineSchema.prefault({}),
  diagnosis: diagnosisSchema,
  keepExamples: z.number().int().min(0).max(10_000).default(0).describe('Keep so many adversarial examples of every cell, for the gallery'),
  publish: publishSchema
    .optional()
    .describe('What the site holds beside the figures, so that a reader can check them: see docs/publishing.md'),
  timeoutMinutes: z.number().min(0.01).max(MOST_MINUTES).default(30).describe('A job that gives no sign of life for so long is ended'),
});

export type SuiteFile = z.infer<typeof suiteSchema>;

/** The keys of an entry that are no parameters. */
export const RESERVED = {
  datasets: datasetKeys,
  defenses: defenseKeys,
  attacks: attackKeys,
} as const;
