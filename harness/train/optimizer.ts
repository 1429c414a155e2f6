/** SGD with momentum, weight decay and gradient clipping as PyTorch does them, and the moving average of weights. */
import { sgdMomentum } from '../../tensor/fused.ts';
import { tf } from '../../tensor/tf.ts';

/** `g += weightDecay * w; m = momentum * m + g; w -= lr * m` for every parameter it was given. */
export class Sgd {
  readonly velocities = new Map<string, tf.Variable>();
  readonly #params: ReadonlyMap<string, tf.Variable>;
  readonly #momentum: number;
  readonly #weightDecay: number;

  /** `params` stay the caller's. */
  constructor(params: ReadonlyMap<string, tf.Variable>, options: { momentum: number; weightDecay: number }) {
    this.#params = params;
    this.#momentum = options.momentum;
    this.#weightDecay = options.weightDecay;
    for (const [name, v] of params)
      this.velocities.set(
        name,
        tf.tidy(() => tf.variable(tf.zeros(v.shape), false)),
      );
  }

  /** One step; `gradients` by the names of `params`, a missing one counts as zero. They stay the caller's. */
  step(gradients: ReadonlyMap<string, tf.Tensor>, learningRate: number): void {
    tf.tidy(() => {
      const names = [...this.#params.keys()];
      const ws = [...this.#params.values()];
      const grads = names.map((name, i) => gradients.get(name) ?? tf.zerosLike(ws[i] as tf.Variable));
      const ms = names.map((name) => this.velocities.get(name) as tf.Variable);
      sgdMomentum(ws, grads, ms, { lr: learningRate, momentum: this.#momentum, weightDecay: this.#weightDecay });
    });
  }

  dispose(): void {
    tf.dispose([...this.velocities.values()]);
  }
}

/** Gradients scaled so that their common L2 norm is at most `limit`: PyTorch's clip_grad_norm_. The caller owns the results. */
export function clipGradients(gradients: ReadonlyMap<string, tf.Tensor>, limit: number): Map<string, tf.Tensor> {
  const names = [...gradients.keys()];
  const clipped = tf.tidy(() => {
    const squares = [...gradients.values()].map((g) => g.square().sum());
    const norm = tf.addN(squares).sqrt();
    const factor = tf.minimum(tf.div(limit, norm.add(1e-6)), 1);
    return [...gradients.values()].map((g) => g.mul(factor));
  });
  return new Map(names.map((name, i) => [name, clipped[i] as tf.Tensor]));
}

/**
 * Exponential moving average of variables (Polyak and Juditsky 1992). Its decay at update t is `min(decay, (1 + t) / (10 + t))`,
 * so that a short training is not an average of its first weights.
 */
export class MovingAverage {
  readonly averages = new Map<string, tf.Variable>();
  readonly #variables: ReadonlyMap<string, tf.Variable>;
  readonly #decay: number;
  updates = 0;

  /** `variables` stay the caller's. */
  constructor(variables: ReadonlyMap<string, tf.Variable>, decay: number) {
    this.#variables = variables;
    this.#decay = decay;
    for (const [name, v] of variables)
      this.averages.set(
        name,
        tf.tidy(() => tf.variable(v.add(0), false)),
      );
  }

  update(): void {
    const decay = Math.min(this.#decay, (1 + this.updates) / (10 + this.updates));
    this.updates++;
    for (const [name, average] of this.averages)
      tf.tidy(() => average.assign(average.mul(decay).add((this.#variables.get(name) as tf.Variable).mul(1 - decay))));
  }

  /** Puts the average in place of the variables and the variables in place of the average: call it twice to undo. */
  swap(): void {
    for (const [name, average] of this.averages) {
      const variable = this.#variables.get(name) as tf.Variable;
      tf.tidy(() => {
        const held = variable.clone();
        variable.assign(average.clone());
        average.assign(held);
      });
    }
  }

  dispose(): void {
    tf.dispose([...this.averages.values()]);
  }
}
