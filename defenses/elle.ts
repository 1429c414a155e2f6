/** ELLE and ELLE-A, Abad Rocamora et al. 2024 (arXiv 2401.11618), algorithm 1 and section 4.2: FGSM with a penalty on what the loss departs from a line. */
import { z } from 'zod';
import { crossEntropy } from '../attacks/parts/losses.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense, type Training } from './defense.ts';
import { uniformNoise } from './parts/craft.ts';
import { OnOff } from './parts/on-off.ts';

const params = z.strictObject({
  lambda: z.number().min(0).default(4000).describe('Weight of the squared error; where `adaptive`, the one that it jumps to'),
  adaptive: z
    .boolean()
    .default(true)
    .describe(
      'ELLE-A: the weight is 0, jumps to `lambda` after an error that stands out, and decays; false is ELLE, where 1000 is the weight at 8/255',
    ),
  decay: z.number().min(0).lt(1).default(0.99).describe('Factor on the adaptive weight after every other step'),
  sensitivity: z.number().min(0).default(2).describe('Standard deviations above the mean of all earlier errors that stand out'),
  noise: z.number().min(0).default(0).describe('Radius of uniform noise before the step as a multiple of `eps`: 2 is ELLE on N-FGSM'),
  alpha: z.number().positive().default(1).describe('Step size as a multiple of `eps`'),
  clip: z.boolean().default(true).describe('Cuts the points that are trained on to the box, which the authors code does not'),
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
});
type Params = z.infer<typeof params>;

/** Three points for every image, `[3n,h,w,c]` one set after the other: two of the cube around it, and one between them with shares `alpha` `[n]` of the second. */
function triplets(x: tf.Tensor4D, noise: Float32Array, alpha: tf.Tensor1D): tf.Tensor4D {
  return tf.tidy(() => {
    const n = x.shape[0];
    const [a, b] = tf.split(tf.concat([x, x], 0).add(tf.tensor4d(noise, [2 * n, ...x.shape.slice(1)] as typeof x.shape)), 2, 0) as [
      tf.Tensor4D,
      tf.Tensor4D,
    ];
    const share = alpha.reshape([n, 1, 1, 1]);
    return tf.concat([a, b, tf.sub(1, share).mul(a).add(share.mul(b))] as tf.Tensor4D[], 0);
  });
}

/** Mean squared error of the loss at the third point as the mean of those at the other two: eq. 5. `losses` `[3n]`. */
function nonlinearity(losses: tf.Tensor1D, alpha: tf.Tensor1D): tf.Scalar {
  const [a, b, c] = tf.split(losses, 3) as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
  return c
    .sub(tf.sub(1, alpha).mul(a).add(alpha.mul(b)))
    .square()
    .mean();
}

function create(p: Params, eps: number): Training {
  const box = <T extends tf.Tensor>(x: T) => (p.clip ? tf.clipByValue(x, 0, 1) : x) as T;
  const weight = new OnOff(p);
  let seen: tf.Scalar | undefined;
  return {
    async craft({ x, y, rng }, { trainingTarget }) {
      const start =
        p.noise > 0 ? tf.tidy(() => box(x.add(uniformNoise(x, { norm: 'Linf', eps: p.noise * eps }, rng)) as tf.Tensor4D)) : x.clone();
      const { loss, logits, grad } = trainingTarget.gradient(start, crossEntropy(y));
      const adversarial = tf.tidy(() => box(start.add(grad.sign().mul(p.alpha * eps))));
      tf.dispose([loss, logits, grad, start]);
      const noise = rng.uniform(2 * x.size, -eps, eps);
      const alpha = tf.tensor1d(rng.uniform(x.shape[0]));
      return { adversarial, alpha, triplets: triplets(x, noise, alpha), labels: tf.concat([y, y, y]) };
    },
    objective({ y }, crafted, ctx) {
      const { logits } = ctx.forward(crafted.adversarial as tf.Tensor4D);
      const adversarial = ctx.crossEntropy(logits, y);
      const losses = crossEntropy(crafted.labels as tf.Tensor1D)(ctx.forward(crafted.triplets as tf.Tensor4D).logits);
      const linear = nonlinearity(losses, crafted.alpha as tf.Tensor1D);
      if (p.adaptive) seen = tf.keep(linear.clone());
      return { loss: adversarial.add(linear.mul(weight.now)), logits, terms: { adversarial, linear } };
    },
    afterStep() {
      if (!seen) return;
      weight.see(seen.dataSync()[0] as number);
      seen.dispose();
      seen = undefined;
    },
    state: () => ({ errors: { shape: [weight.seen.length], data: Float32Array.from(weight.seen) } }),
    restore({ errors }) {
      for (const error of errors?.data ?? []) weight.see(error);
    },
  };
}

export default defineDefense<Params>({
  name: 'elle',
  title: 'ELLE-A',
  paper: 'Abad Rocamora et al. 2024 (arXiv 2401.11618)',
  references: [
    {
      key: 'rocamora2024efficient',
      author: 'Abad Rocamora, Elias and Liu, Fanghui and Chrysos, Grigorios G. and Olmos, Pablo M. and Cevher, Volkan',
      title: 'Efficient Local Linearity Regularization to Overcome Catastrophic Overfitting',
      venue: 'International Conference on Learning Representations',
      year: 2024,
      arxiv: '2401.11618',
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  cost: () => ({ forward: 5, backward: 5, update: 4 }),
  create: (p, { threat }) => create(p, p.eps ?? threat.eps),
});
