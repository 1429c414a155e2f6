/**
 * FGSM with prior-guided initialization, Jia et al. 2022 (arXiv 2207.08859), as the authors' FGSM-MEP: each image starts from the momentum of
 * its own earlier gradients. Two float32 numbers for every value of the training images stay on the host: 1.2 GB for CIFAR-10, and as much
 * in a checkpoint, of which memory holds up to three copies while it is written or read.
 */
import { z } from 'zod';
import { RampartError } from '../errors.ts';
import { signStep } from '../tensor/fused.ts';
import type { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense, type Training, type TrainingSetup } from './defense.ts';
import { ImageMemory } from './parts/image-memory.ts';

const params = z.strictObject({
  lambda: z.number().min(0).default(10).describe('Weight of the mean squared difference of the logits before and after the step'),
  decay: z.number().min(0).lt(1).default(0.3).describe('Share of the momentum that stays from epoch to epoch'),
  reset: z.number().int().min(1).default(40).describe('Epochs after which every image starts anew from a random corner'),
  alpha: z.number().positive().default(1).describe('Step size as a multiple of `eps`'),
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
});
type Params = z.infer<typeof params>;

/** The perturbations that images start from, and what says where they go next. */
class Priors {
  readonly #memory: ImageMemory<'delta' | 'momentum'>;
  /** 1 where an image has its start since the last reset. */
  #begun: Float32Array;
  #epoch = -1;
  readonly #size: number;

  constructor({ images, network }: TrainingSetup) {
    const shape = network.inputShape;
    this.#memory = new ImageMemory('fgsm-pgi', ['delta', 'momentum'], images, shape);
    this.#begun = new Float32Array(images);
    this.#size = tf.util.sizeFromShape([...shape]);
  }

  /** Forgets all at the first step of every `reset`th epoch. */
  enter(epoch: number, reset: number): void {
    if (epoch !== this.#epoch && epoch % reset === 0) this.#begun.fill(0);
    this.#epoch = epoch;
  }

  /** Delta and momentum of `ids`, `[n,h,w,c]`; where an image has none, a corner of the cube of `eps` and zeros. The caller owns both. */
  of(ids: Int32Array, eps: number, rng: Rng): [delta: tf.Tensor4D, momentum: tf.Tensor4D] {
    const fresh = ids.filter((id) => this.#begun[id] === 0);
    if (fresh.length > 0) {
      this.#memory.write(
        'delta',
        fresh,
        rng.uniform(fresh.length * this.#size, -1, 1).map((u) => Math.sign(u) * eps),
      );
      this.#memory.write('momentum', fresh, new Float32Array(fresh.length * this.#size));
      for (const id of fresh) this.#begun[id] = 1;
    }
    return [this.#memory.read('delta', ids), this.#memory.read('momentum', ids)];
  }

  /** Takes over the tensors. */
  keep(ids: Int32Array, delta: tf.Tensor, momentum: tf.Tensor): void {
    this.#memory.write('delta', ids, delta.dataSync());
    this.#memory.write('momentum', ids, momentum.dataSync());
    tf.dispose([delta, momentum]);
  }

  state = () => ({ ...this.#memory.state(), begun: { shape: [this.#begun.length], data: this.#begun } });

  restore: NonNullable<Training['restore']> = (state) => {
    this.#memory.restore(state);
    const begun = state.begun?.data;
    if (begun?.length !== this.#begun.length) throw new RampartError('[state begun] is not of these images');
    this.#begun = begun;
  };
}

function create(p: Params, setup: TrainingSetup): Training {
  const eps = p.eps ?? setup.threat.eps;
  const priors = new Priors(setup);
  return {
    async craft({ x, y, ids, rng }, { trainingTarget, losses, epoch }) {
      priors.enter(epoch, p.reset);
      const [delta, momentum] = priors.of(ids, eps, rng);
      // an image is cut elsewhere in every epoch: the start may leave the box, and is not brought back, as in the authors' code
      const start = x.add(delta) as tf.Tensor4D;
      const { loss, logits, grad } = trainingTarget.gradient(start, losses(y));
      const moved = tf.tidy(() => grad.div(tf.maximum(grad.abs().sum(), 1e-30)).add<tf.Tensor4D>(momentum.mul(p.decay)));
      const step = (direction: tf.Tensor4D) => signStep(start, direction, x, p.alpha * eps, eps);
      const adversarial = step(grad);
      const next = tf.tidy(() => step(moved).sub(x));
      priors.keep(ids, next, moved);
      tf.dispose([loss, logits, grad, delta, momentum]);
      return { start, adversarial };
    },
    objective({ y }, { start, adversarial: end }, ctx) {
      const before = ctx.again(start as tf.Tensor4D).logits;
      const { logits } = ctx.forward(end as tf.Tensor4D);
      const adversarial = ctx.crossEntropy(logits, y);
      const prior = logits.sub(before).square().mean() as tf.Scalar;
      return { loss: adversarial.add(prior.mul(p.lambda)), logits, terms: { adversarial, prior } };
    },
    state: priors.state,
    restore: priors.restore,
  };
}

export default defineDefense<Params>({
  name: 'fgsm-pgi',
  title: 'Prior-guided FGSM (FGSM-MEP)',
  paper: 'Jia et al. 2022 (arXiv 2207.08859)',
  references: [
    {
      key: 'jia2022prior',
      author: 'Jia, Xiaojun and Zhang, Yong and Wei, Xingxing and Wu, Baoyuan and Ma, Ke and Wang, Jue and Cao, Xiaochun',
      title: 'Prior-Guided Adversarial Initialization for Fast Adversarial Training',
      venue: 'European Conference on Computer Vision',
      year: 2022,
      arxiv: '2207.08859',
    },
  ],
  version: 1,
  kind: 'training',
  norms: ['Linf'],
  params,
  cost: () => ({ forward: 3, backward: 3, update: 2 }),
  create,
});
