/** The contract of a defense: a training objective, or a wrapper around a trained classifier. */
import type { ZodType } from 'zod';
import type { Batch, Loss, Paper, Target, Threat } from '../attacks/attack.ts';
import type { Classifier } from '../models/classifier.ts';
import type { Network } from '../models/network.ts';
import type { NormName } from '../tensor/norms/index.ts';
import type { Rng } from '../tensor/rng.ts';
import type { tf } from '../tensor/tf.ts';

/** A batch of training images, with random numbers that are its own. */
export interface TrainingBatch extends Batch {
  readonly rng: Rng;
}

/** What a training objective may use in one step. */
export interface TrainingContext {
  readonly network: Network;
  /**
   * Logits `[n,classes]` and features `[n,d]` of `x` in training mode, on the tape; the running batch statistics move. Asked again for
   * the same tensor in one objective it gives the same result and moves the statistics again, without a second pass.
   */
  forward(x: tf.Tensor4D): { logits: tf.Tensor2D; features: tf.Tensor2D };
  /** As `forward`, of a point whose gradient `trainingTarget` was asked for while crafting: the running statistics, which moved then, stay. */
  again(x: tf.Tensor4D): { logits: tf.Tensor2D; features: tf.Tensor2D };
  /**
   * Gradient of the summed cross-entropy at `x`, `[n,h,w,c]`, in training mode, on the tape: an objective may depend on it. The running
   * statistics move. Throws where the architecture has a layer without second derivatives.
   */
  inputGradient(x: tf.Tensor4D, y: tf.Tensor1D): tf.Tensor4D;
  /** The network in evaluation mode, as an attack sees it: weights and batch statistics as they are now, passes counted. */
  readonly target: Target;
  /** The network in training mode, as an attack sees it: batch statistics normalise and the running ones move, passes counted. For methods whose code crafts so. */
  readonly trainingTarget: Pick<Target, 'gradient'>;
  readonly threat: Threat;
  /** Mean cross-entropy of logits `[n,classes]` with labels `[n]`, with the label smoothing of the recipe. */
  crossEntropy(logits: tf.Tensor2D, y: tf.Tensor1D): tf.Scalar;
  /** The same of every example, for methods that craft with the loss that they train on. `y` is `[n]` int32. */
  losses(y: tf.Tensor1D): Loss;
  /** 0 at the first step, 1 at the last. */
  readonly progress: number;
  readonly epoch: number;
  readonly step: number;
}

/** The value of the objective, with its named parts (scalars) for the log. Made inside the harness's gradient closure. */
export interface Objective {
  readonly loss: tf.Scalar;
  readonly terms: Record<string, tf.Scalar>;
  /** Logits `[n,classes]` that the loss was taken on, adversarial where it has such, for the log's training accuracy. */
  readonly logits: tf.Tensor2D;
}

/** Numbers as a checkpoint has them, bit for bit. */
export interface HostTensor {
  readonly shape: number[];
  readonly data: Float32Array;
}

/** One defense in training. The harness owns the loop: optimizer, schedule, augmentation, averaging, validation, checkpoints, cost. */
export interface Training {
  /** Extra trainable parameters by PyTorch-style name (MOREL's embedding head); trained with the model and thrown away afterwards. */
  readonly extra?: ReadonlyMap<string, tf.Variable>;
  /** Optimizer steps on one batch, 1 unless the method replays batches (Free AT). */
  readonly replays?: number;
  /** Variables that the objective reads and the optimizer leaves alone; `afterStep` gets their gradients (Free AT's perturbation). */
  readonly watched?: ReadonlyMap<string, tf.Variable>;
  /** Outside the tape: crafts what the loss needs, usually adversarial examples. The tensors returned are disposed by the harness after the step. */
  craft(batch: TrainingBatch, ctx: TrainingContext): Promise<Record<string, tf.Tensor>>;
  /** Inside the tape: the objective on the batch and what `craft` returned. Calls `ctx.forward` in the order and number of the paper's code, for the batch statistics. */
  objective(batch: TrainingBatch, crafted: Record<string, tf.Tensor>, ctx: TrainingContext): Objective;
  /** Outside the tape, just before the gradients are taken: may move the weights (AWP). */
  beforeGradients?(batch: TrainingBatch, crafted: Record<string, tf.Tensor>, ctx: TrainingContext): void;
  /** After the optimizer's step, with the gradients of `watched` by name: takes back what `beforeGradients` moved. The harness disposes the gradients. */
  afterStep?(batch: TrainingBatch, gradients: ReadonlyMap<string, tf.Tensor>, ctx: TrainingContext): void;
  /** What must survive a resume beyond `extra` and `watched`, on the host: a memory of every image need not lie on the device (FGSM-PGI's). */
  state?(): Readonly<Record<string, HostTensor>>;
  /** Takes back what `state` gave, and owns it from then on. Throws where it is of another training. */
  restore?(state: Readonly<Record<string, HostTensor>>): void;
  dispose?(): void;
}

interface Common<P> {
  readonly name: string;
  readonly title: string;
  /** Authors, year and arXiv number or venue. */
  readonly paper: string;
  /** The papers that `paper` names, for the bibliography of a report. */
  readonly references?: readonly Paper[];
  /** Raised when the same parameters would train another model. */
  readonly version: number;
  readonly params: ZodType<P>;
}

export interface TrainingDefense<P = unknown> extends Common<P> {
  readonly kind: 'training';
  /** `baseline`: no defense, what the cost and the robustness of the others are compared with. */
  readonly role?: 'baseline';
  /** Norms it can train for; all when absent. */
  readonly norms?: readonly NormName[];
  /** Those of `norms` that are left with `params`, for a defense on top of another one; all of them when absent (AWP). */
  normsWith?(params: P): readonly NormName[];
  /** The validation accuracy that picks the kept weights: under PGD unless the method does not try to be robust. */
  readonly selectBy?: 'clean' | 'pgd';
  /** A training defense whose model, of the same architecture and recipe, is trained first: `create` gets it as `helper`, and its cost counts (HAT). */
  readonly helper?: string;
  /** Passes per training example, for the plan: forward and backward of crafting and update together, the helper's training included; `update` is the objective alone, 1 when absent. */
  cost(params: P): { forward: number; backward: number; update?: number };
  create(params: P, setup: TrainingSetup): Training;
}

/** What a training is made of. The harness owns network and helper. */
export interface TrainingSetup {
  readonly network: Network;
  readonly threat: Threat;
  /** For what is drawn once, such as initial values; a batch brings its own. */
  readonly rng: Rng;
  /** Images of a full batch; the last one of an epoch may have fewer. */
  readonly batchSize: number;
  /** Images trained on, whose `ids` are 0 to `images - 1`: those of validation are others. */
  readonly images: number;
  /** Passes over the training images that the recipe asks for. */
  readonly epochs: number;
  /** The trained helper in evaluation mode, where the defense asks for one; passes are counted. */
  readonly helper?: Pick<Target, 'logits'>;
}

export interface WrapperDefense<P = unknown> extends Common<P> {
  readonly kind: 'wrapper';
  /** Exact, or the surrogate that `linearize` uses in its place. */
  readonly gradient: 'exact' | 'straight-through';
  readonly randomized: boolean;
  /** The wrapped classifier; it owns `classifier`. A random one draws from the generators that each pass brings. */
  apply(params: P, classifier: Classifier): Classifier;
}

export type DefensePlugin<P = unknown> = TrainingDefense<P> | WrapperDefense<P>;

/** Keeps the type of the parameters inside the file of a plug-in, for the tables that hold many. */
export function defineDefense<P>(plugin: TrainingDefense<P>): TrainingDefense;
export function defineDefense<P>(plugin: WrapperDefense<P>): WrapperDefense;
export function defineDefense<P>(plugin: DefensePlugin<P>): DefensePlugin {
  return plugin as unknown as DefensePlugin;
}
