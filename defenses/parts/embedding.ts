/** MOREL's embedding head, Hotegni and Peitz 2024 (arXiv 2410.01697), section 3: projection, and attention within each class. */
import type { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

const NORM_EPS = 1e-6;

/** Parameters by PyTorch's names and in its layouts: linear weights `[out,in]`, the attention's `[3*d,d]`. */
export class EmbeddingHead {
  readonly params = new Map<string, tf.Variable>();
  readonly #heads: number;

  /** From features of width `features` to embeddings of width `width`; initial values as PyTorch draws them. */
  constructor(features: number, width: number, heads: number, rng: Rng) {
    this.#heads = heads;
    const uniform = (name: string, shape: number[], bound: number) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return this.#add(name, tf.tensor(rng.fork(name).uniform(size, -bound, bound), shape));
    };
    uniform('feat_layer.weight', [width, features], 1 / Math.sqrt(features));
    uniform('feat_layer.bias', [width], 1 / Math.sqrt(features));
    this.#add('pre_norm.weight', tf.ones([width]));
    this.#add('pre_norm.bias', tf.zeros([width]));
    uniform('attention.in_proj_weight', [3 * width, width], Math.sqrt(6 / (4 * width)));
    this.#add('attention.in_proj_bias', tf.zeros([3 * width]));
    uniform('attention.out_proj.weight', [width, width], 1 / Math.sqrt(width));
    this.#add('attention.out_proj.bias', tf.zeros([width]));
  }

  #add(name: string, value: tf.Tensor): void {
    this.params.set(name, tf.variable(value, true));
    value.dispose();
  }

  #p(name: string): tf.Tensor2D {
    return this.params.get(name) as tf.Tensor as tf.Tensor2D;
  }

  /** Embeddings `[n,width]` of features `[n,d]`. */
  project(features: tf.Tensor2D): tf.Tensor2D {
    return tf.matMul(features, this.#p('feat_layer.weight'), false, true).add(this.#p('feat_layer.bias'));
  }

  /** Embeddings plus what self-attention among the examples of the same class of the batch adds, each of L2 norm 1. */
  attend(embeddings: tf.Tensor2D, sameClass: tf.Tensor2D): tf.Tensor2D {
    const [n, width] = embeddings.shape;
    const centred = embeddings.sub(embeddings.mean(1, true));
    const normed = centred
      .mul(centred.square().mean(1, true).add(NORM_EPS).rsqrt())
      .mul(this.#p('pre_norm.weight'))
      .add(this.#p('pre_norm.bias')) as tf.Tensor2D;
    const projected = tf.matMul(normed, this.#p('attention.in_proj_weight'), false, true).add(this.#p('attention.in_proj_bias'));
    const perHead = width / this.#heads;
    // [n, 3*width] -> q, k, v of [heads, n, perHead]
    const [q, k, v] = tf.split(projected, 3, 1).map((t) => t.reshape([n, this.#heads, perHead]).transpose([1, 0, 2])) as [
      tf.Tensor3D,
      tf.Tensor3D,
      tf.Tensor3D,
    ];
    const scores = tf.matMul(q, k, false, true).div(Math.sqrt(perHead)).add(sameClass.sub(1).mul(1e9));
    const mixed = tf
      .matMul(tf.softmax(scores) as tf.Tensor3D, v)
      .transpose([1, 0, 2])
      .reshape([n, width]) as tf.Tensor2D;
    const added = tf.matMul(mixed, this.#p('attention.out_proj.weight'), false, true).add(this.#p('attention.out_proj.bias'));
    const out = embeddings.add(added);
    return out.div(tf.maximum(out.square().sum(1, true).sqrt(), 1e-12)) as tf.Tensor2D;
  }
}

/** 1 where two examples have the same label, `[n,n]`. */
export function sameLabel(y: tf.Tensor1D): tf.Tensor2D {
  return y.expandDims(1).equal(y.expandDims(0)).cast('float32') as tf.Tensor2D;
}

/** One minus the mean cosine similarity of the rows of `a` and `b`. */
export function cosineLoss(a: tf.Tensor2D, b: tf.Tensor2D): tf.Scalar {
  const norm = (t: tf.Tensor2D) => tf.maximum(t.square().sum(1).sqrt(), 1e-8);
  return tf.sub(
    1,
    a
      .mul(b)
      .sum(1)
      .div(norm(a).mul(norm(b)))
      .mean(),
  ) as tf.Scalar;
}

/** Multi-positive contrastive loss, Tian et al. 2023 (arXiv 2306.00984), of unit rows `[n,d]`: an example's positives are the others of its class. */
export function multiPositiveContrastive(rows: tf.Tensor2D, sameClass: tf.Tensor2D, temperature: number): tf.Scalar {
  const self = tf.eye(rows.shape[0]);
  const positives = sameClass.sub(self);
  const logits = tf.matMul(rows, rows, false, true).div(temperature).sub(self.mul(1e9));
  const wanted = positives.div(tf.maximum(positives.sum(1, true), 1));
  return wanted.mul(tf.logSoftmax(logits)).sum(1).mean().neg() as tf.Scalar;
}
