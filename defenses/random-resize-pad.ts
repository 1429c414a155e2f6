/** Random resizing and padding, Xie et al. 2018 (arXiv 1711.01991). The network's input has one size here, so images shrink by up to `shrink` pixels and zeros fill what is left. */
import { z } from 'zod';
import { resampling } from '../tensor/resize.ts';
import type { Rng } from '../tensor/rng.ts';
import { defineDefense } from './defense.ts';
import { behindRandom, type Transformation } from './parts/wrap.ts';

const params = z.strictObject({
  shrink: z.number().int().min(1).default(4).describe('Largest number of pixels that height and width lose'),
});

/** One size and one place per image, from the generator of each. */
function draw(rngs: readonly Rng[], [height, width]: readonly number[], shrink: number): Transformation {
  const [h, w] = [height as number, width as number];
  const placements = rngs.map((rng) => {
    const less = rng.int(shrink + 1);
    return { inner: [h - less, w - less] as const, offset: [rng.int(less + 1), rng.int(less + 1)] as const };
  });
  return resampling(h, w, placements);
}

export default defineDefense<z.infer<typeof params>>({
  name: 'random-resize-pad',
  title: 'Random resizing and padding',
  paper: 'Xie et al. 2018 (arXiv 1711.01991)',
  references: [
    {
      key: 'xie2018mitigating',
      author: 'Xie, Cihang and Wang, Jianyu and Zhang, Zhishuai and Ren, Zhou and Yuille, Alan',
      title: 'Mitigating Adversarial Effects Through Randomization',
      venue: 'International Conference on Learning Representations',
      year: 2018,
      arxiv: '1711.01991',
    },
  ],
  version: 2,
  kind: 'wrapper',
  gradient: 'exact',
  randomized: true,
  params,
  apply: ({ shrink }, classifier) => behindRandom(classifier, (rngs) => draw(rngs, classifier.inputShape, shrink)),
});
