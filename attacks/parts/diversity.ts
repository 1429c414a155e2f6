/** Input diversity, Xie et al. 2019 (arXiv 1803.06978): gradients taken through random resizing and padding carry over better to other models. */

import { resampling } from '../../tensor/resize.ts';
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import type { Target } from '../attack.ts';

/**
 * The gradient of `target` through a fresh random transformation at every call: with `probability`, an image shrinks to a side
 * between `smallest` and 1 times its own and is padded with zeros at random. Each image has its own generator.
 */
export function diverse(
  target: Pick<Target, 'gradient'>,
  rngs: readonly Rng[],
  { probability, smallest }: { probability: number; smallest: number },
): Pick<Target, 'gradient'> {
  return {
    gradient(x, loss, whose) {
      const [, h, w] = x.shape;
      const placements = rngs.map((rng) => {
        const scale = rng.next() < probability ? smallest + (1 - smallest) * rng.next() : 1;
        const inner = [Math.round(h * scale), Math.round(w * scale)] as const;
        return { inner, offset: [rng.int(h - inner[0] + 1), rng.int(w - inner[1] + 1)] as const };
      });
      const transformation = resampling(h, w, placements);
      const seen = transformation.apply(x);
      const through = target.gradient(seen, loss, whose);
      const grad = transformation.pullback(through.grad);
      transformation.dispose();
      tf.dispose([seen, through.grad]);
      return { ...through, grad };
    },
  };
}
