/** Made-up images of 224x224, each from its index alone: a test set of 7.5 GB that takes no room, to measure what an evaluation holds. */
import { z } from 'zod';
import { defineDataset, type Split } from '../datasets/dataset.ts';

const SIDE = 224;
const PIXELS = SIDE * SIDE * 3;
const CLASSES = ['dark', 'bright'];

const params = z.strictObject({});

/** Noise around one of two brightnesses, by the numbers of a linear congruential generator. */
function draw(out: Uint8Array, image: number): void {
  const base = image % 2 === 0 ? 40 : 88;
  let state = Math.imul(image + 1, 2654435761);
  for (let i = 0; i < PIXELS; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    out[i] = base + (state >>> 25);
  }
}

function split(n: number, first: number): Split {
  return {
    n,
    labels: Int32Array.from({ length: n }, (_, i) => i % 2),
    async read(places) {
      const out = new Uint8Array(places.length * PIXELS);
      for (let i = 0; i < places.length; i++) draw(out.subarray(i * PIXELS, (i + 1) * PIXELS), first + (places[i] as number));
      return out;
    },
  };
}

export default defineDataset<z.infer<typeof params>>({
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
