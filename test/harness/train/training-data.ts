/** A small problem for training tests: 8x8 images whose class is the brighter half. */

import type { Dataset } from '../../../datasets/dataset.ts';
import { heldSplit, type Images } from '../../../datasets/split.ts';
import type { TrainingDefense } from '../../../defenses/defense.ts';
import { defense } from '../../../defenses/index.ts';
import { type Recipe, recipeSchema } from '../../../harness/suite/recipe.ts';
import type { TrainingJob } from '../../../harness/train/training-job.ts';
import type { Entry } from '../../../models/safetensors.ts';
import { Rng } from '../../../tensor/rng.ts';

function drawn(n: number, rng: Rng): Images {
  const labels = Int32Array.from({ length: n }, () => rng.int(2));
  const images = new Uint8Array(n * 64 * 3);
  for (let i = 0; i < images.length; i++) {
    const upper = Math.floor(i / 96) % 2 === 0;
    const bright = upper === (labels[Math.floor(i / 192)] === 0);
    images[i] = (bright ? 150 : 60) + rng.int(50);
  }
  return { images, labels };
}

/** The training images of `halves`. */
export const halvesImages = (n = 48): Images => drawn(n, new Rng('halves').fork('train'));

export function halves(train = 48, test = 16): Dataset {
  return {
    name: 'halves',
    shape: [8, 8, 3],
    classNames: ['upper', 'lower'],
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
    train: heldSplit(halvesImages(train)),
    test: heldSplit(drawn(test, new Rng('halves').fork('test'))),
  };
}

type Rest = Partial<TrainingJob> & { params?: unknown };

/** A training of `cnn-small` on `halves`: 2 epochs in batches of 16 unless told otherwise. */
export function trainingJob(plugin: TrainingDefense, recipe: Partial<Recipe> = {}, rest: Rest = {}): TrainingJob {
  return {
    name: plugin.name,
    dataset: halves(),
    arch: 'cnn-small',
    defense: plugin,
    threat: { norm: 'Linf', eps: 0.1 },
    // what a test asks for is not bounded as a suite is: it may want a training that diverges
    recipe: { ...recipeSchema.parse({ epochs: 2, batchSize: 16, augment: 'none', validation: 16, learningRate: 0.05 }), ...recipe },
    draws: { weights: new Rng('weights'), order: new Rng('order'), noise: new Rng('noise') },
    signal: new AbortController().signal,
    ...rest,
    params: plugin.params.parse(rest.params ?? {}),
  };
}

/** The same for a defense by name. */
export function job(name: string, recipe: Partial<Recipe> = {}, rest: Rest = {}): TrainingJob {
  const plugin = defense(name);
  if (plugin.kind !== 'training') throw new Error(`${name} does not train`);
  return trainingJob(plugin, recipe, rest);
}

/** A store of checkpoints that starts with `at` and keeps all that are saved. */
export function memory(at?: Uint8Array) {
  const saved: Uint8Array[] = [];
  return {
    saved,
    load: async <T>(decode: (state: Uint8Array) => T) => at && decode(at),
    save: async (state: Uint8Array) => {
      saved.push(state);
    },
  };
}

/** Weights as plain numbers. */
export function plain(entries: Map<string, Entry>): Record<string, number[]> {
  return Object.fromEntries([...entries].map(([name, { data }]) => [name, [...data]]));
}
