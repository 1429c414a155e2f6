/** Made-up images of 224x224, each from its index alone, and a network of one layer: a test set of 7.5 GB, to measure what an evaluation holds. */
import { z } from 'zod';
import { defineDataset, type Split } from '../datasets/dataset.ts';
import { defineArchitecture } from '../models/architecture.ts';
import { GraphBuilder } from '../models/graph/graph.ts';

const SIDE = 224;
const PIXELS = SIDE * SIDE * 3;
const CLASSES = ['dark', 'bright'];

const params = z.strictObject({});

/** Noise around one of two brightnesses, by a linear congruential generator: four pixels of each number. */
function draw(out: Uint32Array, image: number): void {
  const base = image % 2 === 0 ? 0x28282828 : 0x58585858;
  let state = Math.imul(image + 1, 2654435761);
  for (let i = 0; i < out.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    out[i] = base + (state & 0x7f7f7f7f);
  }
}

function split(n: number, first: number): Split {
  return {
    n,
    labels: Int32Array.from({ length: n }, (_, i) => i % 2),
    async read(places) {
      const out = new Uint32Array((places.length * PIXELS) / 4);
      for (let i = 0; i < places.length; i++) draw(out.subarray((i * PIXELS) / 4, ((i + 1) * PIXELS) / 4), first + (places[i] as number));
      return new Uint8Array(out.buffer);
    },
  };
}

const images = defineDataset<z.infer<typeof params>>({
  name: 'bright-224',
  title: 'Noise of two brightnesses, 224x224',
  source: 'made here',
  version: 1,
  shape: [SIDE, SIDE, 3],
  classes: CLASSES.length,
  counts: { train: 1000, test: 50_000 },
  params,
  load: async (_params, { limit }) => ({
    name: 'bright-224',
    shape: [SIDE, SIDE, 3],
    classNames: CLASSES,
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
    train: split(limit?.train ?? 1000, 50_000),
    test: split(limit?.test ?? 50_000, 0),
  }),
  files: async () => [],
  check: async () => ({ usable: true, detail: 'made here, no files' }),
});

const network = defineArchitecture<z.infer<typeof params>>({
  name: 'one-layer',
  title: 'One convolution of 16x16 patches',
  paper: '',
  version: 1,
  params,
  members: { 'one-layer': SIDE },
  graph(_params, { inputShape, classes, mean, std }) {
    const g = new GraphBuilder();
    const patches = g.conv(g.normalize(0, mean, std, ''), 'patches', inputShape[2], 8, 16, 16, { pad: 0, bias: true });
    return g.finish(g.globalAvgPool(g.relu(patches)), 'linear', 8, { inputShape, classes });
  },
});

export default [images, network];
