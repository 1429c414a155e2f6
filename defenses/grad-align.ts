/** GradAlign, Andriushchenko and Flammarion 2020 (arXiv 2007.02617), eq. 4 with FGSM: input gradients at the image and beside it are to point one way. */
import { z } from 'zod';
import { crossEntropy } from '../attacks/parts/losses.ts';
import { signStep } from '../tensor/fused.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense } from './defense.ts';
import { uniformNoise } from './parts/craft.ts';

const params = z.strictObject({
  lambda: z
    .number()
    .min(0)
    .default(0.2)
    .describe('Weight of one minus the mean cosine; the authors take 0.2 at 8/255, 0.063 at 4/255, 2 at 16/255'),
  start: z.number().min(0).default(0).describe('Radius of the random start of the step as a multiple of `eps`; 0 is FGSM from the image'),
  alpha: z.number().positive().default(1).describe('Step size as a multiple of `eps`: 1.25 with a random start'),
  eps: z.number().positive().optional().describe('Radius, of the noise beside the image too; that of the threat model when absent'),
});

/** Sum over each image, `[n]`. */
const perImage = (t: tf.Tensor) => t.sum([1, 2, 3]) as tf.Tensor1D;

/** One minus the mean cosine of the images' gradients `[n,h,w,c]`, where both are nonzero; differentiable in `b`. */
function misalignment(a: tf.Tensor4D, b: tf.Tensor4D): tf.Scalar {
  const [aa, bb] = [perImage(a.square()), perImage(b.square())];
  // read, not computed on the tape: comparisons have no gradient
  const others = bb.dataSync();
  const both = Float32Array.from(aa.dataSync(), (v, i) => (v > 0 && (others[i] as number) > 0 ? 1 : 0));
  const count = both.reduce((sum, v) => sum + v, 0);
  const [used, unused] = [tf.tensor1d(both), tf.tensor1d(both.map((v) => 1 - v))];
  const cosines = perImage(a.mul(b)).div(aa.add(unused).sqrt().mul(bb.add(unused).sqrt()));
  return tf.sub(1, cosines.mul(used).sum().div(Math.max(1, count)));
}

export default defineDefense<z.infer<typeof params>>({
  name: 'grad-align',
  title: 'GradAlign',
  paper: 'Andriushchenko and Flammarion 2020 (arXiv 2007.02617)',
  references: [
    {
      key: 'andriushchenko2020understanding',
      author: 'Andriushchenko, Maksym and Flammarion, Nicolas',
      title: 'Understanding and Improving Fast Adversarial Training',
      venue: 'Advances in Neural Information Processing Systems',
      year: 2020,
      arxiv: '2007.02617',
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  // the gradient beside the image counts forward, backward, and the backward pass through each of the two
  cost: () => ({ forward: 3, backward: 5, update: 2 }),
  create({ lambda, start, alpha, eps: radius }, { threat }) {
    const eps = radius ?? threat.eps;
    const noise = (size: number) => ({ norm: threat.norm, eps: size * eps });
    return {
      async craft({ x, y, rng }, { trainingTarget }) {
        const from =
          start > 0 ? (tf.tidy(() => tf.clipByValue(x.add(uniformNoise(x, noise(start), rng)), 0, 1)) as tf.Tensor4D) : x.clone();
        // in training mode, and held fixed in the objective, as in the authors' code
        const { loss, logits, grad } = trainingTarget.gradient(from, crossEntropy(y));
        const adversarial = signStep(from, grad, x, alpha * eps, eps);
        tf.dispose([loss, logits, from]);
        return { adversarial, grad, beside: tf.tidy(() => x.add(uniformNoise(x, noise(1), rng))) };
      },
      objective({ y }, { adversarial: points, grad, beside }, ctx) {
        const { logits } = ctx.forward(points as tf.Tensor4D);
        const adversarial = ctx.crossEntropy(logits, y);
        const apart = misalignment(grad as tf.Tensor4D, ctx.inputGradient(beside as tf.Tensor4D, y));
        return { loss: adversarial.add(apart.mul(lambda)), logits, terms: { adversarial, misalignment: apart } };
      },
    };
  },
});
