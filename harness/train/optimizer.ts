/** SGD and AdamW with weight decay and gradient clipping as PyTorch does them, and the moving average of weights. */
import { sgdMomentum } from '../../tensor/fused.ts';
import { tf } from '../../tensor/tf.ts';
import type { Recipe } from '../suite/recipe.ts';

export interface Optimizer {
  /** Moving averages of the gradients, by the names of the parameters. */
  readonly velocities: ReadonlyMap<string, tf.Variable>;
  /** Moving averages of their squares, where it has such. */
  readonly squares?: ReadonlyMap<string, tf.Variable>;
  /** Step `step`, from 0, of the training; `gradients` by the names of the parameters, a missing one counts as zero. They stay the caller's. */
  step(gradients: ReadonlyMap<string, tf.Tensor>, learningRate: number, step: number): void;
  dispose(): void;
}

/** The optimizer of a recipe. `params` stay the caller's. */
export function optimizerOf(recipe: Recipe, params: ReadonlyMap<string, tf.Variable>): Optimizer {
  return recipe.optimizer === 'sgd' ? new Sgd(params, recipe) : new AdamW(params, recipe);
}

/** A variable of zeros for each parameter. */
function zerosLike(params: ReadonlyMap<string, tf.Variable>): Map<string, tf.Variable> {
  return new Map([...params].map(([name, v]) => [name, tf.tidy(() => tf.variable(tf.zeros(v.shape), false))]));
}

/** `g += weightDecay * w; m = momentum * m + g; w -= lr * m` for every parameter it was given. */
export class Sgd implements Optimizer {
  readonly velocities: ReadonlyMap<string, tf.Variable>;
  readonly #params: ReadonlyMap<string, tf.Variable>;
  readonly #momentum: number;
  readonly #weightDecay: number;

  /** `params` stay the caller's. */
  constructor(params: ReadonlyMap<string, tf.Variable>, options: { momentum: number; weightDecay: number }) {
    this.#params = params;
    this.#momentum = options.momentum;
    this.#weightDecay = options.weightDecay;
    this.velocities = zerosLike(params);
  }

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

const ADAM_EPS = 1e-8;

/** AdamW, Loshchilov and Hutter 2019 (arXiv 1711.05101), as PyTorch has it: the decay of the weights, `w -= lr * weightDecay * w`, is no part of the gradient. */
export class AdamW implements Optimizer {
  readonly velocities: ReadonlyMap<string, tf.Variable>;
  readonly squares: ReadonlyMap<string, tf.Variable>;
  readonly #params: ReadonlyMap<string, tf.Variable>;
  readonly #betas: readonly [number, number];
  readonly #weightDecay: number;

  /** `params` stay the caller's. */
  constructor(params: ReadonlyMap<string, tf.Variable>, options: { betas: readonly [number, number]; weightDecay: number }) {
    this.#params = params;
    this.#betas = options.betas;
    this.#weightDecay = options.weightDecay;
    this.velocities = zerosLike(params);
    this.squares = zerosLike(params);
  }

  step(gradients: ReadonlyMap<string, tf.Tensor>, learningRate: number, step: number): void {
    const [first, second] = this.#betas;
    const size = learningRate / (1 - first ** (step + 1));
    const correction = 1 / Math.sqrt(1 - second ** (step + 1));
    for (const [name, w] of this.#params)
      tf.tidy(() => {
        const [m, v] = [this.velocities.get(name) as tf.Variable, this.squares.get(name) as tf.Variable];
        const gradient = gradients.get(name) ?? tf.zerosLike(w);
        m.assign(m.mul(first).add(gradient.mul(1 - first)));
        v.assign(v.mul(second).add(gradient.square().mul(1 - second)));
        const move = m.div(v.sqrt().mul(correction).add(ADAM_EPS)).mul(size);
        w.assign(w.mul(1 - learningRate * this.#weightDecay).sub(move));
      });
  }

  dispose(): void {
    tf.dispose([...this.velocities.values(), ...this.squares.values()]);
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
