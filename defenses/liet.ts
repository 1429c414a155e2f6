/** LIET, Pan et al. 2025 (ICCV): a step from the class's own perturbation with part of it replaced by noise, and consistent answers at start and end. */
import { z } from 'zod';
import type { Loss } from '../attacks/attack.ts';
import type { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense, type Training, type TrainingBatch, type TrainingContext, type TrainingSetup } from './defense.ts';
import { ascend } from './parts/craft.ts';

const params = z.strictObject({
  lambda: z
    .number()
    .min(0)
    .default(100)
    .describe('Final weight of the Jensen-Shannon divergence; it grows by equal parts at the start of each epoch'),
  smoothing: z
    .number()
    .min(0)
    .lt(1)
    .default(0.6)
    .describe("Share of the target on the other classes, split at random for every example, in place of the recipe's label smoothing"),
  leastNoise: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('Smallest and largest share of values that are noise; one is drawn for each batch'),
  mostNoise: z.number().min(0).max(1).default(0.5),
  every: z.number().int().min(1).default(20).describe('Steps between new perturbations of the classes, counted anew in each epoch'),
  eps: z.number().positive().optional().describe('Radius and step size; that of the threat model when absent'),
});
type Params = z.infer<typeof params>;

/** Targets `[n,classes]`: `1 - smoothing` on the label, the rest on the other classes in random proportions. */
function softTargets(labels: ArrayLike<number>, classes: number, smoothing: number, rng: Rng): tf.Tensor2D {
  const shares = rng.uniform(labels.length * classes);
  for (let row = 0; row < labels.length; row++) {
    const own = shares.subarray(row * classes, (row + 1) * classes);
    own[labels[row] as number] = 0;
    const sum = own.reduce((total, share) => total + share, 0);
    for (let c = 0; c < classes; c++) own[c] = ((own[c] as number) / sum) * smoothing;
    own[labels[row] as number] = 1 - smoothing;
  }
  return tf.tensor2d(shares, [labels.length, classes]);
}

/** Cross-entropy with targets `[n,classes]`, one value per example. */
const against =
  (targets: tf.Tensor2D): Loss =>
  (logits) =>
    targets.mul(tf.logSoftmax(logits)).sum(1).neg() as tf.Tensor1D;

/** Jensen-Shannon divergence of the softmax outputs of every example, `[n]`. */
function jensenShannon(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor1D {
  const [logP, logQ] = [tf.logSoftmax(a), tf.logSoftmax(b)];
  const [p, q] = [logP.exp(), logQ.exp()];
  // where both are zero in float32 the middle is too, and its logarithm must stay finite
  const logM = tf.maximum(p.add(q).div(2), 1e-30).log();
  const half = (own: tf.Tensor, logOwn: tf.Tensor) => own.mul(logOwn.sub(logM)).sum(1);
  return half(p, logP).add(half(q, logQ)).div(2);
}

/** What a grey image is moved by towards the error of each class, `[classes,h,w,c]`: it holds what the network knows of the classes alone. */
class ClassPerturbations {
  #own: tf.Tensor4D | undefined;
  #epoch = -1;
  #steps = 0;
  readonly #p: Params;

  constructor(p: Params) {
    this.#p = p;
  }

  /** Signs, made anew where they are due. They stay this object's. */
  signs({ x, rng }: TrainingBatch, { target, epoch }: TrainingContext): tf.Tensor4D {
    if (epoch !== this.#epoch) this.#steps = 0;
    this.#epoch = epoch;
    if (this.#steps++ % this.#p.every !== 0 && this.#own) return this.#own;
    this.#own?.dispose();
    const { classes } = target;
    const targets = softTargets(
      Int32Array.from({ length: classes }, (_, c) => c),
      classes,
      this.#p.smoothing,
      rng,
    );
    const grey = tf.fill<tf.Rank.R4>([classes, x.shape[1], x.shape[2], x.shape[3]], 0.5);
    const { loss, logits, grad } = target.gradient(grey, against(targets));
    this.#own = grad.sign();
    tf.dispose([loss, logits, grad, grey, targets]);
    return this.#own;
  }

  dispose(): void {
    this.#own?.dispose();
  }
}

/** Where the step starts: the perturbation of the label or its opposite, some values of it noise. The caller owns it. */
function startOf({ x, y, rng }: TrainingBatch, signs: tf.Tensor4D, p: Params, eps: number): tf.Tensor4D {
  const where = rng.uniform(x.size);
  const noise = rng.uniform(x.size, -eps, eps);
  const share = p.leastNoise + (p.mostNoise - p.leastNoise) * rng.next();
  const direction = rng.next() < 0.5 ? -1 : 1;
  return tf.tidy(() => {
    const mask = tf.tensor4d(where, x.shape).less(share);
    const delta = tf.where(mask, tf.tensor4d(noise, x.shape), tf.gather(signs, y).mul(eps));
    return tf.clipByValue(x.add(delta.mul(direction)), 0, 1) as tf.Tensor4D;
  });
}

function create(p: Params, { network, threat, epochs }: TrainingSetup): Training {
  const eps = p.eps ?? threat.eps;
  const perturbations = new ClassPerturbations(p);
  return {
    async craft(batch, ctx) {
      const { x, labels, rng } = batch;
      const start = startOf(batch, perturbations.signs(batch, ctx), p, eps);
      const targets = () => softTargets(labels, network.classes, p.smoothing, rng);
      const climbed = targets();
      const ascent = { norm: threat.norm, eps, step: eps, steps: 1 };
      const adversarial = ascend(ctx.trainingTarget, x, start.clone(), against(climbed), ascent);
      climbed.dispose();
      return { start, adversarial, targets: targets() };
    },
    objective(_batch, { start, adversarial: end, targets }, ctx) {
      const before = ctx.again(start as tf.Tensor4D).logits;
      const { logits } = ctx.forward(end as tf.Tensor4D);
      const adversarial = against(targets as tf.Tensor2D)(logits).mean() as tf.Scalar;
      const consistency = jensenShannon(before, logits).mean() as tf.Scalar;
      const weight = (p.lambda * (ctx.epoch + 1)) / epochs;
      return { loss: adversarial.add(consistency.mul(weight)), logits, terms: { adversarial, consistency } };
    },
    dispose: () => perturbations.dispose(),
  };
}

export default defineDefense<Params>({
  name: 'liet',
  title: 'Label information elimination (LIET)',
  paper: 'Pan et al. 2025 (ICCV)',
  references: [
    {
      key: 'pan2025mitigating',
      author: 'Pan, Chao and Tang, Ke and Li, Qing and Yao, Xin',
      title: 'Mitigating Catastrophic Overfitting in Fast Adversarial Training via Label Information Elimination',
      venue: 'IEEE/CVF International Conference on Computer Vision',
      year: 2025,
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  // and one image of each class, forward and backward, at every `every`th step
  cost: () => ({ forward: 3, backward: 3, update: 2 }),
  create,
});
