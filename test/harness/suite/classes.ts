/** Data sets of two, three and four classes, as plug-ins from outside. */
import { z } from 'zod';
import type { DatasetPlugin } from '../../../datasets/dataset.ts';

const plugin = (classes: number): DatasetPlugin => ({
  name: `classes-${classes}`,
  title: `${classes} classes`,
  source: 'a test',
  version: 1,
  shape: [8, 8, 1],
  classes,
  params: z.strictObject({}),
  load: () => Promise.reject(new Error('not to be loaded')),
  check: async () => ({ usable: true, detail: 'made here' }),
});

export default [2, 3, 4].map(plugin);
