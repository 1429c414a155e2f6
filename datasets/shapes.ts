/** Drawn figures on cluttered backgrounds, made from a seed: the data set that needs no download. */
import { z } from 'zod';
import { Rng } from '../tensor/rng.ts';
import type { Shape } from '../tensor/tf.ts';
import { defineDataset, type LoadOptions, type Split } from './dataset.ts';
import { FIGURES } from './figures.ts';
import { develop, paintBackground, paintClutter, paintFigure, SIZE } from './painting.ts';
import { allocateImages, heldSplit, limited } from './split.ts';

const SHAPE: Shape = [SIZE, SIZE, 3];

const COUNT = { train: 10_000, test: 2_000 };

/** Of the 10,000 training images of seed 0, rounded: the same whatever is loaded, so that weights fit every limit. */
const MEAN = [0.4995, 0.4997, 0.5017];
const STD = [0.186, 0.1872, 0.1872];

const params = z.strictObject({
  seed: z.number().int().nonnegative().default(0).describe('another seed is another data set of the same kind'),
});

function draw(name: 'train' | 'test', n: number, seed: number, options: LoadOptions): Split {
  const drawn = allocateImages(n, SHAPE);
  const bytes = SIZE * SIZE * 3;
  const canvas = new Float64Array(bytes);
  for (let i = 0; i < n; i++) {
    options.signal?.throwIfAborted();
    const rng = new Rng(`shapes/${seed}/${name}/${i}`);
    const label = i % FIGURES.length;
    drawn.labels[i] = label;
    paintBackground(canvas, rng);
    paintClutter(canvas, rng);
    paintFigure(canvas, (FIGURES[label] as (typeof FIGURES)[number])[1], rng);
    develop(canvas, rng, drawn.images.subarray(i * bytes, (i + 1) * bytes));
    if (i % 500 === 499) options.onProgress?.(`drawing shapes (${name})`, i + 1, n);
  }
  return heldSplit(drawn);
}

export const shapes = defineDataset<z.infer<typeof params>>({
  name: 'shapes',
  title: 'Shapes: ten drawn figures',
  source: 'generated from a seed',
  version: 1,
  shape: SHAPE,
  classes: FIGURES.length,
  counts: COUNT,
  params,
  async load(given, options) {
    const train = draw('train', limited(COUNT.train, options.limit?.train), given.seed, options);
    const test = draw('test', limited(COUNT.test, options.limit?.test), given.seed, options);
    return {
      name: 'shapes',
      shape: SHAPE,
      classNames: FIGURES.map(([name]) => name),
      mean: MEAN,
      std: STD,
      train,
      test,
    };
  },
  files: async () => [],
  check: async () => ({ usable: true, detail: 'generated here, no files' }),
});
