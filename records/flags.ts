/** What every flag means, for the methods page and `docs/flags.md`: what was seen, what it may mean, what to do. */
import type { Flag } from './record.ts';

export interface FlagMeaning {
  readonly title: string;
  readonly text: string;
}

const meanings = {
  'attack-failed': {
    title: 'An attack failed',
    text: 'The cell has no result: the attack raised an error, left its budget, or its worker was killed or ran out of time or memory. The reason is in the record. The model is not ranked, because its worst case lacks this attack. Run the suite again to retry the cell.',
  },
  'catastrophic-overfitting': {
    title: 'Catastrophic overfitting',
    text: 'During training the accuracy under PGD on the validation split collapsed while that under FGSM did not fall: the model learned to answer the single step of its training attack and nothing else (Wong et al. 2020). Its robust accuracy is near 0 under any iterated attack. Other parameters, more steps or early stopping on PGD accuracy prevent it.',
  },
  'early-stop': {
    title: 'Stopped early',
    text: 'Training ended before its last epoch because the accuracy on the validation split had stopped improving, as the recipe allows. Passes and time are those of the epochs that ran.',
  },
  'few-classes': {
    title: 'Members left out for lack of classes',
    text: "The difference of logits ratio divides by the gap to the third largest logit, its targeted form by that to the third and fourth: apgd-dlr needs three classes and apgd-t four. On fewer the ensemble runs without them. The authors' AutoAttack warns and then fails on such a model, so that its figures and these cannot be compared there.",
  },
  'gradient-mismatch': {
    title: 'Gradients that are not those of the model',
    text: 'Before the attacks, the input gradient of a model from elsewhere was held to finite differences of its logits, along random directions at a few images and with steps of several lengths. It disagrees in most: a surrogate, a quantised or partly detached graph, or a mistake. Gradient attacks go astray on such a model, so that a good figure means nothing, and it is not ranked.',
  },
  incomplete: {
    title: 'Not ranked',
    text: 'Its gradients are flagged as `no-gradients` or `gradient-mismatch`, or cannot be asked for (`queries-only`), one of its attacks failed, an attack that at least half of the models of the table have has no result for this model, or its worst case lacks images that those of most models rest on. A worst case over fewer attacks or images cannot be compared with the others, so the model is listed below the ranked ones.',
  },
  'leaked-tensors': {
    title: 'Leaked tensors',
    text: 'An attack left tensors allocated when it was done. The result stands; the memory figure is too high, and a long run may fail for lack of memory. It is a mistake of the plug-in: every tensor it makes must be disposed or returned.',
  },
  'low-precision': {
    title: 'Attacked in bfloat16',
    text: 'The convolutions of the network that was attacked and judged were computed in bfloat16 (`precision: bf16`), which keeps 8 bits of each number: its logits differ from those in float32 in the third digit, so that some images are right or broken in one and not in the other, and what an attack finds need not carry over. A figure for comparison with others is one in float32.',
  },
  'model-failed': {
    title: 'The model was not made',
    text: 'Training or loading failed; the reason is in the record. Nothing was attacked.',
  },
  'no-gradients': {
    title: 'No gradients to attack with',
    text: 'Before the attacks, the input gradient of a model from elsewhere was zero in every pixel on at least half of the images that were looked at, or its logits did not change by more than their rounding where pixels moved by up to 1/64. So answers a detached or quantised graph, and one whose outputs are saturated. It looks robust to every gradient attack and need not be: it is not ranked. Attack a differentiable form of it.',
  },
  probabilities: {
    title: 'Probabilities instead of logits',
    text: 'The classifier returns a distribution that sums to one. Cross-entropy on top of it saturates, gradients vanish, and attacks look weaker than they are. Attack the logits before the softmax. One of the checks of AutoAttack (Croce and Hein 2020).',
  },
  'queries-beat-gradients': {
    title: 'A query attack beats the gradient attacks',
    text: 'An attack that asks for no gradient, such as Square, broke images that every gradient attack before it left. The gradients probably mislead (gradient masking), and the true robust accuracy may be lower still. Adaptive attacks are needed to know.',
  },
  'queries-only': {
    title: 'Queries alone',
    text: 'The model is behind an endpoint that answers with scores or with labels: no gradient can be asked for, and attacks by queries find less in the same images than gradient attacks find in a model that is at hand. Its robust accuracy is an upper bound, as far as these queries go, and it is not ranked among models that were attacked by gradients.',
  },
  randomized: {
    title: 'A randomised classifier',
    text: 'The same input gives different answers, and the attack did not average over them. Its robust accuracy is an overestimate. Use expectation over transformation (`eotIterations` of PGD and APGD) or the version "rand" of AutoAttack.',
  },
  'saturated-loss': {
    title: 'A loss that sees nothing',
    text: 'On some of the first images that are right, a loss that this attack climbs has a gradient of zero in every pixel, though the margin of the logits has one: the logits lie so far apart that probabilities are 0 and 1 to the last bit of float32. Such an attack stands still there and its figure is too high: a network whose last layer is scaled by a million looks robust to PGD and APGD on cross-entropy. Trust attacks on a margin that no scale changes, such as `apgd-dlr`, `apgd-t` and `pgd` with `loss: margin`, and compare them.',
  },
  'undeclared-randomness': {
    title: 'Random without saying so',
    text: 'Two calls of a model from elsewhere on the same images gave different logits: dropout that is on, noise, or another draw. It is attacked as a randomised classifier: success is judged on mean answers, and attacks need to average too (`randomized`). Its random numbers are its own, so that figures do not repeat exactly.',
  },
  'unverified-import': {
    title: 'An import that nothing was held to',
    text: 'The weights come from elsewhere and nothing was stated that they could be checked by: an architecture of the same names, another normalisation or another order of channels would give other logits without any sign of it. State the known clean accuracy (`expect: { clean: 0.85 }`), or better a file of reference logits (`expect: { logits: FILE }`), to have it checked before any attack.',
  },
  'zero-gradient': {
    title: 'No gradient',
    text: 'The margin of the logits has an input gradient of exactly zero on some of the first images attacked (AutoAttack checks the same at its start). Gradient attacks cannot move there, so that a good figure may only mean that gradients are masked. Look at `square` and at transfer attacks, and attack a differentiable form of the defense.',
  },
} satisfies Record<string, FlagMeaning>;

/** Flags that leave no figure to compare: whoever has one is not ranked. */
export const UNRANKED: ReadonlySet<string> = new Set<keyof typeof meanings>(['gradient-mismatch', 'no-gradients', 'queries-only']);

export type FlagName = keyof typeof meanings;

export const FLAGS: Readonly<Record<string, FlagMeaning>> = meanings;

/** Names that flags have in the records of earlier versions. */
const FORMER = new Map<string, FlagName>([['square-beats-gradients', 'queries-beat-gradients']]);

/** What a flag of a record means; undefined for one that a plug-in raised. */
export function meaningOf(name: string): FlagMeaning | undefined {
  const now = FORMER.get(name) ?? name;
  return Object.hasOwn(FLAGS, now) ? FLAGS[now] : undefined;
}

/** The only way to raise a flag: its name has an explanation. */
export function flag(name: FlagName, detail: string): Flag {
  return { name, detail };
}
