/** A classifier as an attack sees it: counts passes, refuses NaN, deals out random numbers, and gives gradients whatever the classifier offers. */
import { RampartError } from '../errors.ts';
import type { Classifier, Linearized } from '../models/classifier.ts';
import { finiteWatch } from '../tensor/finite.ts';
import { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';
import type { Access, Attempt, Loss, Passes, Target } from './attack.ts';

/** The classifier's own `linearize`, or the tape, where each pullback runs the classifier again with the same draws. */
export function linearizeClassifier(classifier: Classifier, x: tf.Tensor4D, draws?: readonly Rng[]): Linearized {
  return classifier.linearize?.(x, draws) ?? onTape(classifier, x, draws);
}

function onTape(classifier: Classifier, x: tf.Tensor4D, draws?: readonly Rng[]): Linearized {
  const run = (input: tf.Tensor4D) =>
    classifier.logits(
      input,
      draws?.map(({ key }) => new Rng(key)),
    );
  const logits = run(x);
  const pullback = (dlogits: tf.Tensor2D) =>
    tf.tidy(() => {
      // logits that no operation on the tape leads to have no gradient: zero, where `tf.grad` throws
      const { grads } = tf.engine().gradients(() => run(x), [x], dlogits, true);
      return grads[0] ?? tf.zerosLike(x);
    }) as tf.Tensor4D;
  return { logits, pullback, dispose: () => logits.dispose() };
}

/** `target` with other answers; what those ask of it counts as always. It shows no features unless the answers do. */
export function answering(
  target: Target,
  answers: Pick<Target, 'logits' | 'decisions' | 'gradient' | 'linearize' | 'features'> & Partial<Pick<Target, 'discard'>>,
): Target {
  return {
    classes: target.classes,
    inputShape: target.inputShape,
    randomized: target.randomized,
    get passes() {
      return target.passes;
    },
    get overhead() {
      return target.overhead;
    },
    discard: (attempts) => target.discard(attempts),
    settle: () => target.settle(),
    ...answers,
  };
}

/** Random numbers for a random classifier: those of example `ids[row]` are forks of `rng`, one for each attempt and pass. */
export interface Draws {
  readonly rng: Rng;
  readonly ids: ArrayLike<number>;
}

/** What one attempt has used; `rng` is the source of what a random classifier draws for it. */
interface Used extends Passes {
  rng?: Rng;
}

/** What every attempt at every example has used, and the random numbers that follow from it. */
class Tally {
  readonly passes: Passes = { forward: 0, backward: 0 };
  readonly overhead: Passes = { forward: 0, backward: 0 };
  readonly #name: string;
  readonly #draws: Draws | undefined;
  /** By row, then by attempt. */
  readonly #used: Used[][] = [];

  /** `draws` where the classifier is random. */
  constructor(name: string, draws: Draws | undefined) {
    this.#name = name;
    this.#draws = draws;
  }

  #of({ row, nth }: Attempt): Used {
    this.#used[row] ??= [];
    const attempts = this.#used[row];
    attempts[nth] ??= { forward: 0, backward: 0 };
    return attempts[nth];
  }

  /** Counts a pass of `n` rows; returns what each attempt has used, and a generator for every row of a random classifier. */
  forward(n: number, whose: readonly Attempt[] = this.#aligned(n)): { used: Used[]; draws?: Rng[] } {
    if (whose.length !== n)
      throw new RampartError(`[model ${this.#name}] expected to be told whose ${n} rows are, got ${whose.length} attempts`);
    const used = whose.map((attempt) => this.#of(attempt));
    const draws = this.#draws && used.map((u, i) => this.#rngOf(u, whose[i] as Attempt, this.#draws as Draws));
    if (!draws) for (const u of used) u.forward++;
    this.passes.forward += n;
    return draws ? { used, draws } : { used };
  }

  /** The generator of an attempt's next pass, which it counts. */
  #rngOf(used: Used, { row, nth }: Attempt, { rng, ids }: Draws): Rng {
    used.rng ??= rng.fork(ids[row] as number).fork(nth);
    return used.rng.fork(used.forward++);
  }

  backward(used: readonly Used[]): void {
    for (const u of used) u.backward++;
    this.passes.backward += used.length;
  }

  /** Row `i` as the first attempt at example `i`. */
  #aligned(n: number): Attempt[] {
    const expected = this.#draws?.ids.length ?? n;
    if (n !== expected)
      throw new RampartError(
        `[model ${this.#name}] expected a pass of ${expected} rows, one per example of the batch, got ${n}: the model is random, and its draws belong to the examples`,
        {
          remedy: 'say whose the rows are: target.logits(x, rows.map((row) => ({ row, nth: 0 }))), and the same for gradient and linearize',
        },
      );
    return Array.from({ length: n }, (_, row) => ({ row, nth: 0 }));
  }

  discard(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) {
      const used = this.#of(attempt);
      for (const kind of ['forward', 'backward'] as const) {
        this.passes[kind] -= used[kind];
        this.overhead[kind] += used[kind];
        used[kind] = 0;
      }
    }
  }
}

/** What each kind of access may ask besides decisions. */
const ASKS: Record<Access, readonly ('logits' | 'gradients')[]> = {
  gradient: ['logits', 'gradients'],
  scores: ['logits'],
  decision: [],
  transfer: [],
};

/**
 * `name` is the model's, for messages. The target does not own the classifier. A random classifier needs `draws`.
 * What goes beyond `access` is refused.
 */
export function createTarget(classifier: Classifier, name: string, draws?: Draws, access: Access = 'gradient'): Target {
  const randomized = classifier.randomized ?? false;
  if (randomized && !draws)
    throw new RampartError(`[model ${name}] expected the generators of a random model, got none`, {
      remedy: 'give createTarget { rng, ids }: the stream of this use of the model, and the examples of the batch',
    });
  const tally = new Tally(name, randomized ? draws : undefined);
  const watch = finiteWatch();
  const refuse = (): void => {
    if (!watch.known())
      throw new RampartError(`[model ${name}] logits are not finite (NaN or infinite): the weights or the input are broken`);
  };
  const checked = (logits: tf.Tensor2D): tf.Tensor2D => {
    watch.note(logits);
    refuse();
    return logits;
  };
  const allow = (what: 'logits' | 'gradients'): void => {
    if (!ASKS[access].includes(what)) throw new RampartError(`[model ${name}] an attack whose access is "${access}" asked for ${what}`);
    if (what === 'gradients' && classifier.access) throw new RampartError(`[model ${name}] has no gradients: it is asked by queries alone`);
  };
  const ask = (x: tf.Tensor4D, whose?: readonly Attempt[]) => checked(classifier.logits(x, tally.forward(x.shape[0], whose).draws));
  const kept = (x: tf.Tensor4D, whose: readonly Attempt[] | undefined, run: (draws?: readonly Rng[]) => Linearized): Linearized => {
    allow('gradients');
    const pass = tally.forward(x.shape[0], whose);
    const lin = run(pass.draws);
    checked(lin.logits);
    const pullback = (dlogits: tf.Tensor2D, last?: boolean) => {
      tally.backward(pass.used);
      return lin.pullback(dlogits, last);
    };
    return { logits: lin.logits, pullback, dispose: () => lin.dispose() };
  };
  const linearize: Target['linearize'] = (x, whose) => kept(x, whose, (draws) => linearizeClassifier(classifier, x, draws));
  const { features } = classifier;
  return {
    classes: classifier.classes,
    inputShape: classifier.inputShape,
    randomized,
    passes: tally.passes,
    overhead: tally.overhead,
    logits(x, whose) {
      allow('logits');
      return ask(x, whose);
    },
    decisions: (x, whose) => tf.tidy(() => ask(x, whose).argMax(1)),
    gradient: (x, loss, whose) => gradientOf(linearize(x, whose), loss),
    linearize,
    features: features && {
      width: features.width,
      linearize: (x, whose) => kept(x, whose, (draws) => features.linearize(x, draws)),
      logits: (z) => checked(features.logits(z)),
    },
    discard: (attempts) => tally.discard(attempts),
    settle() {
      watch.settle();
      refuse();
    },
  };
}

/** Loss of every example, logits, and the gradient of the summed loss with respect to the input. Disposes `lin`; the caller owns the results. */
export function gradientOf(lin: Linearized, loss: Loss): { loss: tf.Tensor1D; logits: tf.Tensor2D; grad: tf.Tensor4D } {
  try {
    const { value, grad: dlogits } = valueAndGradient(lin.logits, loss);
    const grad = lin.pullback(dlogits, true);
    dlogits.dispose();
    return { loss: value, logits: lin.logits.clone(), grad };
  } finally {
    lin.dispose();
  }
}

/** Loss per example `[n]` and the gradient of its sum with respect to the logits `[n,classes]`. The caller owns both. */
function valueAndGradient(logits: tf.Tensor2D, loss: Loss): { value: tf.Tensor1D; grad: tf.Tensor2D } {
  if (loss.withGradient) return tf.tidy(() => loss.withGradient?.(logits) as unknown as tf.TensorContainer) as never;
  let value: tf.Tensor1D | undefined;
  const grad = tf.tidy(() =>
    tf.grad((z: tf.Tensor) => {
      value = tf.keep(loss(z as tf.Tensor2D));
      return value.sum();
    })(logits),
  ) as tf.Tensor2D;
  return { value: value as unknown as tf.Tensor1D, grad };
}
