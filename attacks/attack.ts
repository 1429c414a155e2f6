/** The contract of an attack: a search for misclassified inputs inside a threat model. */
import type { ZodType } from 'zod';
import type { Features, Linearized } from '../models/classifier.ts';
import type { NormName } from '../tensor/norms/index.ts';
import type { Rng } from '../tensor/rng.ts';
import type { Shape, tf } from '../tensor/tf.ts';

/** All perturbations up to a size, on inputs in [0,1]. */
export interface Ball {
  /** Where a suite, a record or a key leaves it out, a threat is a ball. */
  readonly kind?: 'ball';
  readonly norm: NormName;
  readonly eps: number;
}

/** What the attacker may do, told apart by `kind`. */
export type Threat = Ball;

/** What an attacker may ask: gradients, scores, decisions, or other models' gradients and this one's decisions. */
export type Access = 'gradient' | 'scores' | 'decision' | 'transfer';

/** Whether an attack may ask what it asks of a model that answers with no more than `given`; with everything where that is absent. */
export function mayAsk(access: Access, given: 'scores' | 'decision' | undefined): boolean {
  if (given === undefined || access === 'decision' || access === 'transfer') return true;
  return given === 'scores' && access === 'scores';
}

/** Examples to attack. The harness owns the tensors. */
export interface Batch {
  /** `[n,h,w,c]` float32 in [0,1]. */
  readonly x: tf.Tensor4D;
  /** `[n]` int32. */
  readonly y: tf.Tensor1D;
  /** The same labels on the host. */
  readonly labels: Int32Array;
  /** The index of each example in its data set: the key of its random numbers, `run.rng.fork(id)`. */
  readonly ids: Int32Array;
}

/** One of the restarts, targets or draws that an example is tried with. */
export interface Attempt {
  /** The example, as its row in the batch. */
  readonly row: number;
  /** Which of them, from 0. */
  readonly nth: number;
}

/** Passes per example: a forward pass of a batch of 16 counts 16. */
export interface Passes {
  forward: number;
  backward: number;
}

/** One value per example, differentiable in the logits: `[n,classes] -> [n]`. */
export interface Loss {
  (logits: tf.Tensor2D): tf.Tensor1D;
  /** The same with the gradient of its sum, where that is written out: no tape, whose operations cost more than those on so few numbers. */
  withGradient?(logits: tf.Tensor2D): { value: tf.Tensor1D; grad: tf.Tensor2D };
}

/**
 * A classifier as an attack sees it, for one batch: it counts passes and may be compiled by the engine. `whose` says which attempt at which
 * example each row of a pass belongs to; without it, row `i` is the first attempt at example `i` of the batch. What a random classifier
 * draws depends on the example, the attempt and how often that attempt has asked, so a pass of another size must say whose its rows are.
 */
export interface Target {
  readonly classes: number;
  readonly inputShape: Shape;
  readonly randomized: boolean;
  /** What the search used so far. */
  readonly passes: Passes;
  /** What attempts used that were begun ahead and thrown away; not in `passes`. */
  readonly overhead: Passes;
  /** `[n,classes]`, owned by the caller. One forward pass. NaN logits are an error that names the model: of this call, or of one after the next read of a tensor. */
  logits(x: tf.Tensor4D, whose?: readonly Attempt[]): tf.Tensor2D;
  /** The predicted class of every row, the first of equals: `[n]` int32, owned by the caller. One forward pass. */
  decisions(x: tf.Tensor4D, whose?: readonly Attempt[]): tf.Tensor1D;
  /** Loss of every example, logits, and the gradient of the summed loss with respect to `x`. The caller owns all three. One forward and one backward pass. */
  gradient(x: tf.Tensor4D, loss: Loss, whose?: readonly Attempt[]): { loss: tf.Tensor1D; logits: tf.Tensor2D; grad: tf.Tensor4D };
  /** One forward pass with as many pullbacks, each a backward pass, as are asked for. */
  linearize(x: tf.Tensor4D, whose?: readonly Attempt[]): Linearized;
  /** What the last layer of the model takes, where it shows it; `linearize` counts as that of the target. Its logits are of features alone and cost nothing. */
  readonly features?: TargetFeatures | undefined;
  /** Counts what these attempts have used as overhead. */
  discard(attempts: readonly Attempt[]): void;
  /** Waits until it is known of every pass so far that its logits are finite; throws where they are not. The harness calls it when an attack is done. */
  settle(): void;
}

/** As of the classifier; `whose` as `Target` wants it. */
export interface TargetFeatures extends Omit<Features, 'linearize'> {
  linearize(x: tf.Tensor4D, whose?: readonly Attempt[]): Linearized;
}

export interface AttackRun {
  /** Seeded by the cell's key. */
  readonly rng: Rng;
  readonly signal: AbortSignal;
  /** How many examples one pass should hold. */
  readonly batchSize: number;
  /** Other models of the suite, by name, for transfer attacks. */
  readonly sources: ReadonlyMap<string, Target>;
  /** The attack that the parameter `attack` of a plug-in with `inner` names; of an ensemble its members in order. */
  readonly inner?: readonly InnerAttack[];
  /** Attempts at one example run one after the other and none beside another, so that it is known what each had used before. */
  readonly inOrder?: boolean;
  /**
   * Called when an attempt at an example ends without an error, with the highest loss that it reached, by attacks on a margin, above zero at
   * errors and nowhere else: the nearer to zero, the nearer it came.
   */
  bestLoss?(row: number, loss: number): void;
  /** Called after an iteration with the number of examples still classified right, for the survivors plot. */
  trace?(iteration: number, survivors: number): void;
}

/** An attack fitted to a model. */
export interface Fitted {
  readonly attack: Attack;
  /** What was chosen, as the record says it: `margin`. */
  readonly choice: string;
}

export interface Attack {
  /**
   * Fits the attack to the model on a few images, which are the caller's. The harness calls it before the first `perturb` where the plug-in
   * has `few`, with the same images whatever is attacked; its passes are overhead, being no image's own search.
   */
  fit?(few: Batch, target: Target, threat: Threat, run: AttackRun): Promise<Fitted>;
  /** An adversarial example for every example of the batch, in the box and the budget; the input itself where none was found, or the last point where that decides. The caller owns the result. */
  perturb(batch: Batch, target: Target, threat: Threat, run: AttackRun): Promise<tf.Tensor4D>;
}

/** An attack that another one runs on models of its choice. */
export interface InnerAttack {
  /** Unique among the members of an ensemble; the key of its random numbers. */
  readonly label: string;
  readonly attack: Attack;
  /** As of its plug-in: whether it takes more than one batch at a time. */
  readonly streams: boolean;
}

/** A paper as a bibliography names it; `venue` is absent where it has appeared on arXiv alone. */
export interface Paper {
  /** Unique: `madry2018towards`. */
  readonly key: string;
  /** `Family, Given and Family, Given`. */
  readonly author: string;
  readonly title: string;
  readonly venue?: string;
  readonly year: number;
  /** arXiv number. */
  readonly arxiv?: string;
}

/** Losses that see probabilities: of logits far enough apart they have no gradient that float32 can tell from zero. */
export type SaturatingLoss = 'cross-entropy' | 'probability margin';

export interface AttackPlugin<P = unknown> {
  readonly name: string;
  readonly title: string;
  /** Authors, year and arXiv number or venue. */
  readonly paper: string;
  /** The papers that `paper` names, for the bibliography of a report. */
  readonly references?: readonly Paper[];
  /** Raised when the same parameters would give other results. */
  readonly version: number;
  /** What it may ask the attacked model; its target refuses more. */
  readonly access: Access;
  /** `true`: it asks for the features of the model (`Target.features`), and has no cell on one that does not show them. */
  readonly features?: true;
  /** `baseline`: it searches blindly, and every other attack must beat it. */
  readonly role?: 'baseline';
  readonly norms: readonly NormName[];
  readonly params: ZodType<P>;
  /** Passes per example that stays robust, for the plan: what is spent where nothing breaks. `inner` is what the attack that it runs costs. */
  cost(params: P, classes: number, norm: NormName, inner?: Passes): Passes;
  /** `true`: its parameter `attack` may name another attack, `{ name, ...its parameters }`, which the harness checks and hands over as `run.inner`. */
  readonly inner?: true;
  /** Whether it averages over the answers of a random classifier; it does not when absent. */
  averages?(params: P): boolean;
  /** It goes on to the end for the smallest perturbation, whatever the radius: what it finds beyond that is kept too. */
  readonly minimumNorm?: boolean;
  /** So many images, the first of a cell that are right, the attack is fitted with to the model; its cells are not cut into shards. None when absent. */
  few?(params: P): number;
  /** Losses that it climbs on the attacked model and whose gradient vanishes where that is too sure of itself; none when absent. */
  saturates?(params: P): readonly SaturatingLoss[];
  /** Fewest classes for which its loss is defined; 2 when absent. Where there are fewer, the harness does not run it. */
  readonly minClasses?: number;
  /** `true`: `perturb` takes more than one batch at a time and keeps its own batches full. */
  readonly streams?: boolean;
  /** `false`: its points may be at any distance. Its results stand apart from those inside of a ball, and are of one radius alone. */
  readonly bounded?: false;
  /** `true`: it has the parameter `decides`, and with `last` it returns the point after all its steps, whatever the model says of it. */
  readonly lastPoint?: true;
  create(params: P): Attack;
}

export interface EnsembleMember {
  readonly attack: string;
  readonly params: Record<string, unknown>;
  /**
   * Which of the examples that are left it attacks; all when absent.
   * - `nearest`: the twentieth of them that the last search of all came nearest to breaking (`AttackRun.bestLoss`), and twentieth after twentieth as long
   *   as the last one had any that it broke;
   * - `masking`: all where a sign of masked gradients has shown, else none. Signs are an image without a gradient, over 0.2 points that a member without
   *   gradients broke of all that was left, and a wrapper's gradient that stands in for one that it has not.
   */
  readonly when?: 'masking' | 'nearest';
}

/** An ensemble is data: members run by the harness in order on the points that are still robust. */
export interface EnsemblePlugin<P = unknown> {
  readonly name: string;
  readonly title: string;
  readonly paper: string;
  readonly references?: readonly Paper[];
  readonly version: number;
  readonly access: Access;
  /** `true`: one of its members asks for features. */
  readonly features?: true;
  readonly norms: readonly NormName[];
  readonly params: ZodType<P>;
  /** For any number of classes: the harness leaves out members that need more than there are. */
  members(params: P, threat: Threat): EnsembleMember[];
}

/** Keeps the type of the parameters inside the file of a plug-in, for the tables that hold many. */
export function defineAttack<P>(plugin: AttackPlugin<P>): AttackPlugin {
  return plugin as unknown as AttackPlugin;
}

export function defineEnsemble<P>(plugin: EnsemblePlugin<P>): EnsemblePlugin {
  return plugin as unknown as EnsemblePlugin;
}
