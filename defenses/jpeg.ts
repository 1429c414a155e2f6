/** JPEG compression of the input, Dziugaite et al. 2016 (arXiv 1608.00853) and Guo et al. 2018 (arXiv 1711.00117). Its gradient is zero almost everywhere, so attacks take the identity. */
import { z } from 'zod';
import { defineDefense } from './defense.ts';
import { JpegCodec } from './parts/jpeg-codec.ts';
import { behind, straightThrough } from './parts/wrap.ts';

const params = z.strictObject({ quality: z.number().int().min(1).max(100).default(75) });

export default defineDefense<z.infer<typeof params>>({
  name: 'jpeg',
  title: 'JPEG compression',
  paper: 'Guo et al. 2018 (arXiv 1711.00117)',
  references: [
    {
      key: 'guo2018countering',
      author: 'Guo, Chuan and Rana, Mayank and Cisse, Moustapha and van der Maaten, Laurens',
      title: 'Countering Adversarial Images using Input Transformations',
      venue: 'International Conference on Learning Representations',
      year: 2018,
      arxiv: '1711.00117',
    },
  ],
  version: 1,
  kind: 'wrapper',
  gradient: 'straight-through',
  randomized: false,
  params,
  apply({ quality }, classifier) {
    const codec = new JpegCodec(classifier.inputShape, quality);
    const compress = straightThrough((x) => codec.apply(x));
    const wrapped = behind(classifier, compress);
    return {
      ...wrapped,
      dispose() {
        codec.dispose();
        wrapped.dispose();
      },
    };
  },
});
