/** A data set of 300 classes as a plug-in from outside: every training image is of the last class, 7 of 20 test images are, the others of class 43 = 299 - 256. */
import { z } from 'zod';
import type { DatasetPlugin, Split } from '../../../datasets/dataset.ts';
import { heldSplit } from '../../../datasets/split.ts';

const CLASSES = 300;

function split(n: number, label: (i: number) => number): Split {
  return heldSplit({
    images: Uint8Array.from({ length: n * 64 }, (_, i) => (37 * i) % 256),
    labels: Int32Array.from({ length: n }, (_, i) => label(i)),
  });
}

const plugin: DatasetPlugin = {
  name: 'many-classes',
  title: 'Three hundred classes',
  source: 'a test',
  version: 1,
  shape: [8, 8, 1],
  classes: CLASSES,
  params: z.strictObject({}),
  async load(_params, { limit }) {
    return {
      name: 'many-classes',
      shape: [8, 8, 1],
      classNames: Array.from({ length: CLASSES }, (_, k) => `class ${k}`),
      mean: [0.5],
      std: [0.25],
      train: split(limit?.train ?? 64, () => 299),
      test: split(limit?.test ?? 20, (i) => (i % 20 < 7 ? 299 : 43)),
    };
  },
  check: async () => ({ usable: true, detail: 'made here' }),
};

export default plugin;
