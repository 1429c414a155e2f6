/** Honest models: trained on drawn figures as the suite `quick` trains, and two of them kept as files beside this one. */
import { readFileSync } from 'node:fs';
import { shapes } from '../../datasets/shapes.ts';
import { defense } from '../../defenses/index.ts';
import { normalizationOf, type Recipe, recipeSchema } from '../../harness/suite/recipe.ts';
import { train } from '../../harness/train/train.ts';
import { createNetwork } from '../../models/index.ts';
import type { Network } from '../../models/network.ts';
import { readSafetensors } from '../../models/safetensors.ts';
import { Rng } from '../../tensor/rng.ts';

export interface Training {
  readonly arch: string;
  readonly defense: string;
  readonly params?: object;
  readonly seed?: number;
  readonly recipe?: Partial<Recipe>;
  /** Training images, and as many for validation as a tenth of them. */
  readonly images?: number;
}

const RECIPE = { epochs: 8, batchSize: 64, learningRate: 0.1, augment: 'none', validation: 200, validateEvery: 8 };

export const figures = (train: number, test: number) =>
  shapes.load(shapes.params.parse({}), { dataDir: '', limit: { train, test }, download: false });

/** The caller owns it. */
export async function trained({ arch, defense: name, params = {}, seed = 0, recipe = {}, images = 4200 }: Training): Promise<Network> {
  const plugin = defense(name);
  if (plugin.kind !== 'training') throw new Error(`${name} does not train`);
  const draw = (use: string) => new Rng(`zoo/${seed}`).fork(use);
  const { network } = await train({
    name: `${name} ${arch}`,
    dataset: await figures(images, 1),
    arch,
    defense: plugin,
    params: plugin.params.parse(params),
    threat: { norm: 'Linf', eps: 8 / 255 },
    recipe: recipeSchema.parse({ ...RECIPE, ...recipe }),
    draws: { weights: draw('weights'), order: draw('order'), noise: draw('noise') },
    signal: new AbortController().signal,
  });
  return network;
}

/** Those whose weights are kept: `cnn-small` by standard training and by PGD-5. */
export const KEPT = {
  standard: { arch: 'cnn-small', defense: 'standard' },
  'pgd-at': { arch: 'cnn-small', defense: 'pgd-at', params: { steps: 5 } },
};

const fileOf = (name: keyof typeof KEPT) => new URL(`./cnn-small-${name}.safetensors`, import.meta.url);

export async function kept(name: keyof typeof KEPT): Promise<Network> {
  const { shape, classNames, mean, std } = await figures(1, 1);
  const setup = { inputShape: shape, classes: classNames.length, ...normalizationOf({ mean, std }, recipeSchema.parse({}).normalize) };
  const network = createNetwork('cnn-small', setup, new Rng('weights'));
  network.load(readSafetensors(readFileSync(fileOf(name)), name).entries, name);
  return network;
}
