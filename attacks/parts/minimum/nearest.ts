/** The nearest adversarial point of every example that a search for the smallest perturbation has come by. */
import { maskedRows } from '../../../tensor/fused.ts';
import { type Norm, norm } from '../../../tensor/norms/index.ts';
import { tf } from '../../../tensor/tf.ts';
import type { AttackRun, Batch, Threat } from '../../attack.ts';

/** Entries of `yes` where `mask` `[n]` of 0 and 1 is 1, else of `no`; all of one shape. In a tidy of the caller's. */
export function pick<T extends tf.Tensor>(mask: tf.Tensor, yes: T, no: T): T {
  return yes.rank > 1 ? maskedRows(mask, yes, no) : (tf.where(mask.cast('bool'), yes, no) as T);
}

/** What one look at the points of a batch has shown. */
export interface Sight {
  /** `[n]`, 1 where the point is misclassified. */
  readonly wrong: tf.Tensor1D;
  /** `[n]`: how far the points lie from their images. */
  readonly distance: tf.Tensor1D;
  /** The points less their images, `[n,h,w,c]`. */
  readonly offset: tf.Tensor4D;
}

export class Nearest {
  readonly #batch: Batch;
  readonly #norm: Norm;
  readonly #eps: number;
  #points: tf.Tensor4D;
  #distance: tf.Tensor1D;
  readonly #left: tf.Tensor[] = [];

  constructor(batch: Batch, threat: Threat) {
    this.#batch = batch;
    this.#norm = norm(threat.norm);
    this.#eps = threat.eps;
    this.#points = batch.x.clone();
    this.#distance = farthestCorner(batch.x, this.#norm);
  }

  /** `[n]`: the distance of the nearest adversarial point; where there is none yet, that of the farthest corner of the box. Owned by this object. */
  get distance(): tf.Tensor1D {
    return this.#distance;
  }

  /** Looks at `x` `[n,h,w,c]`, whose logits are `[n,classes]`; both stay the caller's, who owns the result. */
  look(x: tf.Tensor4D, logits: tf.Tensor2D): Sight {
    const before = [this.#points, this.#distance] as const;
    const [points, distance, left, wrong, far, offset] = tf.tidy(() => {
      const beside = x.sub(this.#batch.x) as tf.Tensor4D;
      const away = this.#norm.size(beside);
      const errs = logits.argMax(1).notEqual(this.#batch.y).cast('float32') as tf.Tensor1D;
      const nearer = errs.mul(away.less(before[1]).cast('float32'));
      const least = pick(nearer, away, before[1]);
      return [pick(nearer, x, before[0]), least, least.greater(this.#eps).cast('float32').sum(), errs, away, beside] as const;
    }) as [tf.Tensor4D, tf.Tensor1D, tf.Tensor, tf.Tensor1D, tf.Tensor1D, tf.Tensor4D];
    tf.dispose([...before]);
    [this.#points, this.#distance] = [points, distance];
    this.#left.push(left);
    return { wrong, distance: far, offset };
  }

  /** What `Attack.perturb` must return: the nearest adversarial point within the radius, else the image. Tells `run.trace` how many were left after every look. */
  async finish(run: AttackRun): Promise<tf.Tensor4D> {
    if (run.trace && this.#left.length > 0) {
      const counts = tf.tidy(() => tf.stack(this.#left));
      for (const [i, count] of (await counts.data()).entries()) run.trace(i, count);
      counts.dispose();
    }
    return tf.tidy(() => pick(this.#distance.lessEqual(this.#eps), this.#points, this.#batch.x));
  }

  dispose(): void {
    tf.dispose([this.#points, this.#distance, ...this.#left]);
    this.#left.length = 0;
  }
}

/** The distance `[n]` of the corner of the box that is farthest from each image of `x`. */
export function farthestCorner(x: tf.Tensor4D, { size }: Norm): tf.Tensor1D {
  return tf.tidy(() => size(tf.maximum(x, tf.sub(1, x)) as tf.Tensor4D));
}
