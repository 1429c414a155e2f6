/** One training step of any defense: craft, gradients, optimizer, with passes and time counted. */
import type { Loss, Passes, Target, Threat } from '../../attacks/attack.ts';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import type { Objective, Training, TrainingBatch, TrainingContext } from '../../defenses/defense.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import type { Wanted } from '../../models/graph/training.ts';
import type { Moments, Network } from '../../models/network.ts';
import { softmaxCrossEntropy } from '../../tensor/fused.ts';
import { tf } from '../../tensor/tf.ts';
import { crossEntropySum } from '../../tensor/twice.ts';
import { awakeNow } from '../awake.ts';
import type { Recipe } from '../suite/recipe.ts';
import { clipGradients, type Optimizer, optimizerOf } from './optimizer.ts';

/** Where in the training a step is. */
export interface StepPosition {
  readonly epoch: number;
  readonly step: number;
  /** 0 at the first step, 1 at the last. */
  readonly progress: number;
  readonly learningRate: number;
}

export interface StepLog {
  readonly loss: number;
  readonly terms: Record<string, number>;
  /** Examples of the batch that the objective's logits classify right. */
  readonly correct: number;
}

/** Mean cross-entropy against `1 - smoothing` on the label and the rest spread over all classes. */
export function smoothedCrossEntropy(logits: tf.Tensor2D, y: tf.Tensor1D, smoothing: number): tf.Scalar {
  const hard = softmaxCrossEntropy(logits, y).mean();
  if (smoothing === 0) return hard as tf.Scalar;
  const uniform = tf.logSoftmax(logits).mean().neg();
  return hard.mul(1 - smoothing).add(uniform.mul(smoothing)) as tf.Scalar;
}

/** The same of every example, `[n]`. */
function smoothedLosses(y: tf.Tensor1D, smoothing: number): Loss {
  if (smoothing === 0) return crossEntropy(y);
  return (logits) => {
    const uniform = tf.logSoftmax(logits).mean(1).neg();
    return softmaxCrossEntropy(logits, y)
      .mul(1 - smoothing)
      .add<tf.Tensor1D>(uniform.mul(smoothing));
  };
}

/** Forward passes in training mode; the same tensor again costs no pass while its result is alive. */
class TrainingPasses {
  readonly #network: Network;
  readonly #wanted: Wanted;
  readonly #done = new Map<tf.Tensor, { out: { logits: tf.Tensor2D; features: tf.Tensor2D }; moments: Moments[] }>();

  constructor(network: Network, wanted: Wanted) {
    this.#network = network;
    this.#wanted = wanted;
  }

  forward(x: tf.Tensor4D): { logits: tf.Tensor2D; features: tf.Tensor2D } {
    const known = this.#done.get(x);
    if (known && !known.out.logits.isDisposed) {
      for (const moments of known.moments) this.#network.moveStatistics(moments);
      return known.out;
    }
    this.#forget(x);
    const moments: Moments[] = [];
    const out = this.#network.forward(x, { training: true, record: moments, wanted: this.#wanted });
    this.#done.set(x, { out, moments });
    return out;
  }

  /** A pass that was made before, with gradients this time: the running statistics have seen it. */
  again(x: tf.Tensor4D): { logits: tf.Tensor2D; features: tf.Tensor2D } {
    return this.#network.forward(x, { training: true, still: true, wanted: this.#wanted });
  }

  #forget(x: tf.Tensor): void {
    for (const { mean, variance } of this.#done.get(x)?.moments ?? []) tf.dispose([mean, variance]);
    this.#done.delete(x);
  }

  dispose(): void {
    for (const x of [...this.#done.keys()]) this.#forget(x);
  }
}

/** Input gradients in training mode, on the tape: batch statistics normalise and the running ones move. */
function trainingTarget(network: Network, passes: Passes): Pick<Target, 'gradient'> {
  return {
    gradient(x, loss) {
      passes.backward += x.shape[0];
      const kept: { loss?: tf.Tensor1D; logits?: tf.Tensor2D } = {};
      const grad = tf.tidy(() =>
        tf.grad((z: tf.Tensor) => {
          kept.logits = tf.keep(network.forward(z as tf.Tensor4D, { training: true, wanted: 'input' }).logits);
          kept.loss = tf.keep(loss(kept.logits));
          return kept.loss.sum();
        })(x),
      ) as tf.Tensor4D;
      return { loss: kept.loss as tf.Tensor1D, logits: kept.logits as tf.Tensor2D, grad };
    },
  };
}

/** Input gradient `[n,h,w,c]` of the summed cross-entropy in training mode, on the tape of the caller, who may differentiate it. */
function inputGradient(network: Network, x: tf.Tensor4D, y: tf.Tensor1D): tf.Tensor4D {
  const summed = (z: tf.Tensor) => crossEntropySum(network.forward(z as tf.Tensor4D, { training: true, twice: true }).logits, y);
  return tf.grad(summed)(x) as tf.Tensor4D;
}

/** A trained helper as a defense sees it: frozen at its first use, passes counted. */
export class Helper {
  readonly #network: Network;
  #classifier: Classifier | undefined;
  #target: Target | undefined;

  /** `network` stays the caller's. */
  constructor(network: Network) {
    this.#network = network;
  }
  get passes(): Passes {
    return this.#target?.passes ?? { forward: 0, backward: 0 };
  }
  /** `[n,classes]`, owned by the caller. */
  logits(x: tf.Tensor4D): tf.Tensor2D {
    this.#classifier ??= this.#network.freeze();
    this.#target ??= createTarget(this.#classifier, 'helper');
    return this.#target.logits(x);
  }
  dispose(): void {
    this.#classifier?.dispose();
  }
}

interface Gradients {
  /** Loss, examples that are right, and the terms of `names`. */
  numbers: tf.Tensor;
  names: string[];
  params: Map<string, tf.Tensor>;
  watched: Map<string, tf.Tensor>;
}

export class Stepper {
  readonly passes: Passes = { forward: 0, backward: 0 };
  readonly times = { craftMs: 0, updateMs: 0 };
  readonly optimizer: Optimizer;
  /** Parameters of the network and of the defense, by name. */
  readonly params: ReadonlyMap<string, tf.Variable>;
  readonly #name: string;
  readonly #network: Network;
  readonly #training: Training;
  readonly #threat: Threat;
  readonly #recipe: Recipe;
  readonly #helper: Helper | undefined;

  /** `name` is the model's, for messages. Network, training and helper stay the caller's. */
  constructor(setup: { name: string; network: Network; training: Training; threat: Threat; recipe: Recipe; helper?: Helper }) {
    this.#helper = setup.helper;
    this.#name = setup.name;
    this.#network = setup.network;
    this.#training = setup.training;
    this.#threat = setup.threat;
    this.#recipe = setup.recipe;
    const extra = [...(setup.training.extra ?? [])].map(([name, v]) => [`extra.${name}`, v] as const);
    this.params = new Map([...setup.network.params, ...extra]);
    this.optimizer = optimizerOf(setup.recipe, this.params);
  }

  /** Trains on one batch. Throws when the loss is not finite, with the place and the remedy. The batch stays the caller's. */
  async step(batch: TrainingBatch, at: StepPosition): Promise<StepLog> {
    const frozen: { classifier?: Classifier; target?: Target } = {};
    const network = this.#network;
    const before = network.forwarded;
    const helped = this.#helper?.passes.forward ?? 0;
    // a watched variable may be part of the input
    const passes = new TrainingPasses(network, this.#training.watched ? 'both' : 'parameters');
    const ctx: TrainingContext = {
      network,
      forward: (x) => passes.forward(x),
      again: (x) => passes.again(x),
      inputGradient: (x, y) => {
        // the backward pass, and that through it; the one through its forward pass is the update's
        this.passes.backward += 2 * x.shape[0];
        return inputGradient(network, x, y);
      },
      get target() {
        frozen.classifier ??= network.freeze();
        frozen.target ??= createTarget(frozen.classifier, 'in training');
        return frozen.target;
      },
      trainingTarget: trainingTarget(network, this.passes),
      threat: this.#threat,
      crossEntropy: (logits, y) => smoothedCrossEntropy(logits, y, this.#recipe.labelSmoothing),
      losses: (y) => smoothedLosses(y, this.#recipe.labelSmoothing),
      progress: at.progress,
      epoch: at.epoch,
      step: at.step,
    };
    try {
      const started = awakeNow();
      const crafted = await this.#craft(batch, ctx, at);
      const crafting = awakeNow();
      this.times.craftMs += crafting - started;
      const log = await this.#update(batch, crafted, ctx, at);
      tf.dispose(crafted);
      // the update has read its loss: nothing is left to wait for
      frozen.target?.settle();
      this.times.updateMs += awakeNow() - crafting;
      return log;
    } finally {
      const byHelper = (this.#helper?.passes.forward ?? 0) - helped;
      this.passes.forward += network.forwarded - before + (frozen.target?.passes.forward ?? 0) + byHelper;
      this.passes.backward += frozen.target?.passes.backward ?? 0;
      frozen.classifier?.dispose();
      passes.dispose();
    }
  }

  async #craft(batch: TrainingBatch, ctx: TrainingContext, at: StepPosition): Promise<Record<string, tf.Tensor>> {
    try {
      return await this.#training.craft(batch, ctx);
    } catch (cause) {
      const weights = tf.tidy(() => tf.addN([...this.#network.params.values()].map((v) => v.sum())).dataSync()[0] as number);
      if (Number.isFinite(weights)) throw cause;
      throw this.#diverged('the weights are', at, cause);
    }
  }

  #diverged(what: string, at: StepPosition, cause?: unknown): RampartError {
    const rate = at.learningRate.toPrecision(3);
    return new RampartError(
      `[train ${this.#name}] ${what} not finite at epoch ${at.epoch}, step ${at.step}, learning rate ${rate}: training diverged`,
      { remedy: 'lower recipe.learningRate, lengthen the warm-up of recipe.schedule, or set recipe.gradientClip (for example 1)', cause },
    );
  }

  async #update(batch: TrainingBatch, crafted: Record<string, tf.Tensor>, ctx: TrainingContext, at: StepPosition): Promise<StepLog> {
    const before = this.#network.forwarded;
    this.#training.beforeGradients?.(batch, crafted, ctx);
    const { numbers, names, params, watched } = this.#gradients(batch, crafted, ctx);
    // every forward pass of an update is differentiated
    this.passes.backward += this.#network.forwarded - before;
    const limit = this.#recipe.gradientClip;
    const clipped = limit === 'none' ? params : clipGradients(params, limit);
    this.optimizer.step(clipped, at.learningRate, at.step);
    this.#training.afterStep?.(batch, watched, ctx);
    tf.dispose([...params.values(), ...clipped.values(), ...watched.values()]);
    // read when all of the step is asked for: a device that computes by itself is not left waiting for the rest
    const [loss, correct, ...terms] = (await numbers.data()) as unknown as [number, number, ...number[]];
    numbers.dispose();
    if (!Number.isFinite(loss)) throw this.#diverged(`the loss is ${loss},`, at);
    return { loss, terms: Object.fromEntries(names.map((name, i) => [name, terms[i] as number])), correct };
  }

  #gradients(batch: TrainingBatch, crafted: Record<string, tf.Tensor>, ctx: TrainingContext): Gradients {
    const watched = this.#training.watched ?? new Map<string, tf.Variable>();
    const kept: { names: string[]; numbers?: tf.Tensor } = { names: [] };
    const closure = () => {
      const objective: Objective = this.#training.objective(batch, crafted, ctx);
      kept.names = Object.keys(objective.terms);
      const correct = objective.logits.argMax(1).equal(batch.y).sum().cast('float32');
      kept.numbers = tf.keep(tf.stack([objective.loss, correct, ...Object.values(objective.terms)]));
      return objective.loss;
    };
    const { value, grads } = tf.variableGrads(closure, [...this.params.values(), ...watched.values()]);
    value.dispose();
    const named = (variables: ReadonlyMap<string, tf.Variable>) =>
      new Map([...variables].flatMap(([name, v]) => (grads[v.name] ? [[name, grads[v.name] as tf.Tensor] as const] : [])));
    return {
      numbers: kept.numbers as tf.Tensor,
      names: kept.names,
      params: named(this.params),
      watched: named(watched),
    };
  }

  dispose(): void {
    this.optimizer.dispose();
  }
}
