/** Bit-depth squeezing, Xu et al. 2018 (arXiv 1704.01155), section III: every value rounded to so many bits. Its gradient is zero, so attacks take the identity. */
import { z } from 'zod';
import { tf } from '../tensor/tf.ts';
import { defineDefense } from './defense.ts';
import { behind, straightThrough } from './parts/wrap.ts';

const params = z.strictObject({ bits: z.number().int().min(1).max(8).default(4) });

export default defineDefense<z.infer<typeof params>>({
  name: 'bit-depth',
  title: 'Bit-depth squeezing',
  paper: 'Xu et al. 2018 (arXiv 1704.01155)',
  references: [
    {
      key: 'xu2018feature',
      author: 'Xu, Weilin and Evans, David and Qi, Yanjun',
      title: 'Feature Squeezing: Detecting Adversarial Examples in Deep Neural Networks',
      venue: 'Network and Distributed System Security Symposium',
      year: 2018,
      arxiv: '1704.01155',
    },
  ],
  version: 1,
  kind: 'wrapper',
  gradient: 'straight-through',
  randomized: false,
  params,
  apply({ bits }, classifier) {
    const levels = 2 ** bits - 1;
    const squeeze = straightThrough((x) => tf.tidy(() => tf.round(x.mul(levels)).div(levels)));
    return behind(classifier, squeeze);
  },
});
