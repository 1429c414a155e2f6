/** The suite file: its parts as zod schemas. The parameters of a plug-in are checked by the plug-in's own schema, in suite.ts. */
import { z } from 'zod';
import { NORMS } from '../../tensor/norms/index.ts';
import { recipeSchema } from './recipe.ts';
import { selectionSchema } from './selection.ts';

const name = z.string().min(1).max(80);
const count = z.number().int().positive();
const eps = z.number().nonnegative().finite();

/** Keys that belong to the suite in an entry of `datasets`, `defenses` and `attacks`; every other key is a parameter of the plug-in. */
const datasetKeys = {
  name: name.describe('A data set: see `rampart ls datasets`'),
  label: name.optional().describe('Its name in tables, where one data set is listed twice with other parameters'),
  train: selectionSchema.optional().describe('Training images: the first so many, a range, or a file of indices; all when absent'),
  test: selectionSchema.optional().describe('Test images: the first so many, a range, or a file of indices; all when absent'),
};

const kind = z.literal('ball').optional().describe('ball, unless given: all perturbations up to a size in a norm');

const threatSchema = z.strictObject({
  kind,
  norm: z.enum(NORMS),
  eps: z.union([eps, z.array(eps).min(1)]).describe('The radius, such as 8/255; a list gives a security curve'),
  main: eps.optional().describe('The radius of a list that models train at; the largest unless given'),
});

const defenseKeys = {
  name: name.describe('A defense: see `rampart ls defenses`'),
  label: name.optional().describe('Its name in tables'),
  threat: z
    .strictObject({ kind, norm: z.enum(NORMS), eps })
    .optional()
    .describe('What to train against, where it is not the first threat of the suite'),
  recipe: z.record(z.string(), z.unknown()).optional().describe('Changes to the recipe of the suite, for this defense'),
  architectures: z.array(name).min(1).optional().describe('Train it only in these architectures of the suite'),
  around: z.array(name).min(1).optional().describe('For a wrapper: labels of the defenses it is put around; all trained ones unless given'),
};

const attackKeys = {
  name: name.describe('An attack: see `rampart ls attacks`'),
  label: name.optional().describe('Its name in tables'),
  n: selectionSchema
    .optional()
    .describe("Attack only the first n of the suite's test images, or a range or a file of indices of the data set's own test images"),
  norms: z.array(z.enum(NORMS)).min(1).optional().describe('Run it only in threats of these norms'),
  models: z.array(name).min(1).optional().describe('Run it only on the models of these defenses, by label'),
};

const modelSchema = z.strictObject({
  name,
  weights: z.string().min(1).describe('A safetensors file with PyTorch names, relative to the suite'),
  arch: name.describe('An architecture: see `rampart ls models`'),
  dataset: name.optional().describe('Label of the data set it classifies, where the suite has several'),
  title: z.string().optional().describe('How it was trained, in a few words'),
  paper: z.string().optional(),
  extraData: z.boolean().default(false),
  mean: z.array(z.number()).min(1).optional().describe("Normalisation inside the model; the data set's unless given or in the file"),
  std: z.array(z.number().positive()).min(1).optional(),
});

const engineSchema = z.strictObject({
  name: z.string().optional().describe('auto, wasm, torch, torch:cuda:0, ...; --engine overrides it'),
  threads: count.optional(),
  workers: count.optional(),
  batchSize: count.default(128).describe('Images per pass of an attack; results do not depend on it'),
});

/** An entry with its parameters still unchecked; a bare string is an entry with its name only. */
function entryOf<S extends z.ZodRawShape>(keys: S) {
  return z.preprocess((value) => (typeof value === 'string' ? { name: value } : value), z.looseObject(keys));
}

export const suiteSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]*$/, 'lower-case letters, digits, dots and dashes')
    .describe('Results go to runs/<name> unless --out says otherwise'),
  title: z.string().min(1).optional().describe('On the page of the leaderboard; the name unless given'),
  description: z.string().optional(),
  plugins: z.array(z.string()).default([]).describe('Files with further defenses, attacks or data sets, relative to the suite'),
  datasets: z.array(entryOf(datasetKeys)).min(1),
  threats: z.array(threatSchema).min(1),
  architectures: z.array(name).default([]),
  defenses: z.array(entryOf(defenseKeys)).default([]),
  models: z.array(modelSchema).default([]).describe('Pretrained models, attacked beside the trained ones'),
  attacks: z.array(entryOf(attackKeys)).default([]),
  seeds: z.array(z.number().int().nonnegative()).min(1).default([0]),
  recipe: recipeSchema.prefault({}).describe('How models are trained'),
  engine: engineSchema.prefault({}),
  keepExamples: z.number().int().nonnegative().default(0).describe('Keep so many adversarial examples of every cell, for the gallery'),
  timeoutMinutes: z.number().positive().default(30).describe('A job that gives no sign of life for so long is ended'),
});

export type SuiteFile = z.infer<typeof suiteSchema>;

/** The keys of an entry that are no parameters. */
export const RESERVED = {
  datasets: datasetKeys,
  defenses: defenseKeys,
  attacks: attackKeys,
} as const;
