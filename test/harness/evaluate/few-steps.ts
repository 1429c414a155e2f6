/** Images near the decision boundaries of small classifiers, fixed and random, and every attack in few steps. */
import { z } from 'zod';
import { type AttackPlugin, defineEnsemble, type EnsemblePlugin, type Threat } from '../../../attacks/attack.ts';
import { attack as attackNamed, attacks } from '../../../attacks/index.ts';
import { heldSplit } from '../../../datasets/split.ts';
import resizePad from '../../../defenses/random-resize-pad.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import type { Evaluation, EvaluationInput } from '../../../harness/evaluate/evaluation.ts';
import { type EvaluationData, predictClean } from '../../../harness/evaluate/predict.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { Rng } from '../../../tensor/rng.ts';
import type { Shape } from '../../../tensor/tf.ts';
import { randomLinear } from '../../contract/linear.ts';

const SHAPE: Shape = [6, 6, 1];
const CLASSES = 5;
/** More than two passes of 64, fewer than two of 128. */
export const N = 135;

export const linear = (name: string) => randomLinear(SHAPE, CLASSES, new Rng(name));
export const random = (name: string): Classifier => resizePad.apply(resizePad.params.parse({ shrink: 2 }), linear(name));

/** Few steps, but several attempts per example: those are what runs ahead. */
export const FEW: Record<string, Record<string, unknown>> = {
  noise: { draws: 4 },
  pgd: { steps: 3, restarts: 3, eotIterations: 2 },
  mim: { steps: 3, restarts: 3 },
  cw: { steps: 3, restarts: 3 },
  'multi-targeted': { steps: 2 },
  square: { queries: 6, restarts: 3 },
  transfer: { sources: ['source'], steps: 3, restarts: 3, diversity: 0.5 },
  'apgd-ce': { iterations: 4, restarts: 3, eotIterations: 2 },
  'apgd-dlr': { iterations: 4, restarts: 3 },
  'apgd-t': { iterations: 3 },
  'apgd-pm': { iterations: 8, restarts: 2, untilCertain: true },
  'apgd-malt': { iterations: 8, targets: 3, untilCertain: true },
  'adaptive-loss': { iterations: 4, restarts: 2, trialImages: 6, trialIterations: 2 },
  'feature-pgd': { steps: 3, restarts: 3, guides: 6, eotIterations: 2 },
  fab: { iterations: 3, restarts: 2 },
  'fab-t': { iterations: 3 },
  ddn: { steps: 8, firstNorm: 0.05 },
  fmn: { steps: 4 },
  'sigma-zero': { steps: 40 },
  'patch-pgd': { steps: 3, places: 2 },
};

/** Images near the decision boundaries; labels are what `classifier` says of them. */
async function images(classifier: Classifier): Promise<EvaluationData> {
  const pixels = Uint8Array.from(new Rng('pixels').uniform(N * 36, 90, 166));
  const data = { ...heldSplit({ images: pixels, labels: new Int32Array(N) }), shape: SHAPE };
  const { predictions } = await predictClean({ classifier, name: 'model', rng: new Rng('cell') }, data, N);
  return { ...data, labels: Int32Array.from(predictions) };
}

const SMALL_BALLS: readonly Threat[] = [
  { norm: 'Linf', eps: 0.012 },
  { norm: 'L2', eps: 0.06 },
  { norm: 'L0', eps: 1 },
  { norm: 'patch', eps: 1 },
];

/** What no batch and no part may change. */
function timeless({ overhead, members, earlier: _, ...result }: Evaluation) {
  return { overhead, result: { ...result, members: members?.map(({ wallMs, overhead, ...member }) => member) } };
}

/** `evaluated` may do what is to be evaluated in another way. */
export async function run(
  plugin: AttackPlugin | EnsemblePlugin,
  params: Record<string, unknown>,
  make: (name: string) => Classifier,
  batchSize: number,
  evaluated: (input: EvaluationInput) => Promise<Evaluation> = evaluate,
) {
  const rng = new Rng('cell');
  const classifier = make('model');
  const data = await images(classifier);
  const clean = await predictClean({ classifier, name: 'model', rng }, data, batchSize);
  const evaluation = await evaluated({
    classifier,
    name: 'model',
    attack: plugin,
    params: plugin.params.parse(params),
    threat: SMALL_BALLS.find(({ norm }) => plugin.norms.includes(norm)) as Threat,
    data,
    clean: clean.robust,
    rng,
    batchSize,
    sources: new Map([['source', { classifier: make('source'), name: 'source' }]]),
    signal: new AbortController().signal,
    keepExamples: 3,
    keepAmong: 70,
    lookup: attackNamed,
  });
  const { overhead, result } = timeless(evaluation);
  return { overhead, result: { clean, ...result } };
}

/** Some examples are broken and some are not; an attack that no radius bounds breaks whatever it can. */
export const brokenBy = (plugin: AttackPlugin | EnsemblePlugin) => ('bounded' in plugin && plugin.bounded === false ? /0/ : /01|10/);

/** An ensemble of three. */
export const several = defineEnsemble({
  name: 'several',
  title: 'several',
  paper: 'none',
  version: 1,
  access: 'gradient',
  norms: ['Linf'],
  params: z.strictObject({}),
  members: () => ['apgd-ce', 'apgd-t', 'square'].map((attack) => ({ attack, params: FEW[attack] ?? {} })),
});

export const cases = [...attacks, several].map((plugin) => ({ label: plugin.name, plugin }));
