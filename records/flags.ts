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
  'coarse-logits': {
    title: 'Logits too coarse to climb',
    text: 'The logits of the median image lie so far from zero that neighbouring float32 numbers are over a thousandth of their range apart, as where a large constant is added to all of them. One step of a hundred then moves a logit by no more than ten such numbers: searches by scores stand still, losses tie, and steps are halved for no reason. Attack the logits without the constant.',
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
    text: 'Before the attacks, the input gradient of a model was held to finite differences of its logits, along random directions at a few images and with steps of several lengths. It disagrees in most, or in the diagnosis in over a fifth (a sign): a surrogate, a quantised or partly detached graph, or a mistake. Gradient attacks go astray on such a model, so that a good figure means nothing, and where it disagrees in most it is not ranked.',
  },
  incomplete: {
    title: 'Not ranked',
    text: 'Its gradients are no ground for a figure (`no-gradients`, `gradient-mismatch`, or a check of the masking report that says unreliable) or cannot be asked for (`queries-only`), one of its attacks failed, an attack that at least half of the models of the table have has no result for this model, or its worst case lacks images that those of most models rest on. A worst case over fewer attacks or images cannot be compared with the others, so the model is listed below the ranked ones.',
  },
  'large-radius': {
    title: 'A ball of the whole box leaves images right',
    text: 'Gradient attacks were allowed to change images to anything at all, each radius begun anew, and left over 5 % of them right (unreliable over 25 %). Every image has an error in the whole box, the image of another class: an attack that does not find it there fails for another reason than robustness (Carlini et al. 2019).',
  },
  'leaked-tensors': {
    title: 'Leaked tensors',
    text: 'An attack left tensors allocated when it was done. The result stands; the memory figure is too high, and a long run may fail for lack of memory. It is a mistake of the plug-in: every tensor it makes must be disposed or returned.',
  },
  'low-precision': {
    title: 'Attacked in bfloat16',
    text: 'The convolutions of the network that was attacked and judged were computed in bfloat16 (`precision: bf16`), which keeps 8 bits of each number: its logits differ from those in float32 in the third digit, so that some images are right or broken in one and not in the other, and what an attack finds need not carry over. A figure for comparison with others is one in float32.',
  },
  'misleading-gradient': {
    title: 'A gradient that does not lead up',
    text: 'On over a tenth of the images (unreliable from a half on) a step of a quarter of the radius along the gradient of the margin raises it less than a step of the same length in a random direction. In the thousands of dimensions of an image an honest gradient leads up dozens of times as fast as chance: this one is shattered, or is that of something else. Attack a smooth form of the defense.',
  },
  'model-failed': {
    title: 'The model was not made',
    text: 'Training or loading failed; the reason is in the record. Nothing was attacked.',
  },
  'no-gradients': {
    title: 'No gradients to attack with',
    text: 'Before the attacks, the input gradient was zero in every pixel on at least half of the images that were looked at, or its logits did not change by more than their rounding where pixels moved by up to 1/64. So answers a detached or quantised graph, and one whose outputs are saturated. It looks robust to every gradient attack and need not be: it is not ranked. Attack a differentiable form of it.',
  },
  'not-converged': {
    title: 'More steps or another start break more',
    text: 'From 20 to 40 steps of the same length, or from a second start, gradient attacks broke over 5 % more of the images; or, of two runs of one attack on all images of the table, both of 20 steps or more, the longer one breaks over 2 % more for every doubling of its steps, beyond chance. The search has not ended: its figure falls with the passes that are paid for. Report the figure of more steps and restarts, until the slope is flat.',
  },
  'not-monotone': {
    title: 'More room, fewer errors',
    text: 'A gradient attack left over 5 % of the images more right at a larger radius than at a smaller one, each begun anew (unreliable over 25 %). What is broken within a ball is broken within a larger one: the attack loses its way (Carlini et al. 2019). A security curve does not show it, because its larger radii adopt what smaller ones broke.',
  },
  'one-step-beats-many': {
    title: 'One step beats many',
    text: 'An attack of a single step broke over 3 % more of the images than one of many steps in the same ball (unreliable over 20 %), or, of two attacks on all images of the table, over 2 % more, beyond chance. Many steps contain what one can do, unless gradients mislead beyond the image itself (Athalye et al. 2018). Look at `square` and at transfer attacks.',
  },
  probabilities: {
    title: 'Probabilities instead of logits',
    text: 'The classifier returns a distribution that sums to one. Cross-entropy on top of it saturates, gradients vanish, and attacks look weaker than they are. Attack the logits before the softmax. One of the checks of AutoAttack (Croce and Hein 2020).',
  },
  'queries-beat-gradients': {
    title: 'A query attack beats the gradient attacks',
    text: 'An attack that asks for no gradient, such as Square, broke images that every gradient attack left: over 0.2 % of them where it follows in an ensemble, over 2 % and at least three across the attacks of the table, or over 3 % and at least three by 200 queries in the diagnosis (unreliable over a tenth). The gradients probably mislead (gradient masking), and the true robust accuracy may be lower still. Adaptive attacks are needed to know.',
  },
  'queries-only': {
    title: 'Queries alone',
    text: 'The model is behind an endpoint that answers with scores or with labels: no gradient can be asked for, and attacks by queries find less in the same images than gradient attacks find in a model that is at hand. Its robust accuracy is an upper bound, as far as these queries go, and it is not ranked among models that were attacked by gradients.',
  },
  'random-answers': {
    title: 'Answers that differ',
    text: 'Several passes of the same images gave logits that differ by over 1e-4 of the largest, a hundred times what kernels that add in another order leave. It was measured, whatever the model says of itself. A single answer is no ground for success or failure: judge mean answers and average gradients (`eotIterations`, the version rand of AutoAttack).',
  },
  randomized: {
    title: 'A randomised classifier',
    text: 'The same input gives different answers, and the attack did not average over them. Its robust accuracy is an overestimate. Use expectation over transformation (`eotIterations` of PGD and APGD) or the version "rand" of AutoAttack.',
  },
  'saturated-loss': {
    title: 'A loss that sees nothing',
    text: 'On some of the first images that are right, a loss that attacks climb has a gradient of zero in every pixel, though the margin of the logits has one: the logits lie so far apart that probabilities are 0 and 1 to the last bit of float32. An attack on it stands still there and its figure is too high: a network whose last layer is scaled by a million looks robust to PGD and APGD on cross-entropy. Trust attacks on a margin that no scale changes, such as `apgd-dlr`, `apgd-t` and `pgd` with `loss: margin`, and compare them.',
  },
  'transfer-beats-gradients': {
    title: 'A transfer attack beats the gradient attacks',
    text: 'Examples made on other models broke images that every gradient attack on this one left: over 2 % of the images and at least three, beyond chance. Who may look at the gradients can do no worse than who may not, so that they mislead (Athalye et al. 2018).',
  },
  'undeclared-randomness': {
    title: 'Random without saying so',
    text: 'Two calls of a model on the same images gave different logits: dropout that is on, noise, or another draw. It is attacked as a randomised classifier: success is judged on mean answers, and attacks need to average too (`randomized`). Its random numbers are its own, so that figures do not repeat exactly.',
  },
  'unverified-import': {
    title: 'An import that nothing was held to',
    text: 'The weights come from elsewhere and nothing was stated that they could be checked by: an architecture of the same names, another normalisation or another order of channels would give other logits without any sign of it. State the known clean accuracy (`expect: { clean: 0.85 }`), or better a file of reference logits (`expect: { logits: FILE }`), to have it checked before any attack.',
  },
  'vanishing-gradient': {
    title: 'A loss that fades',
    text: "On over a tenth of the images the gradient of a loss is smaller than a 1e12th of the margin's: the other classes have so little probability that the loss is 0 in float32. Steps along its sign may still go up, but the right class has no part in it, and nothing that compares losses sees a difference. A temperature does this. Trust attacks on a margin, such as `apgd-dlr`, `apgd-t` and `pgd` with `loss: margin`.",
  },
  'zero-gradient': {
    title: 'No gradient',
    text: 'The margin of the logits has an input gradient of exactly zero on some of the first images attacked (AutoAttack checks the same at its start). Gradient attacks cannot move there, so that a good figure may only mean that gradients are masked; where it is so on half of the images it means nothing. Look at `square` and at transfer attacks, and attack a differentiable form of the defense.',
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
