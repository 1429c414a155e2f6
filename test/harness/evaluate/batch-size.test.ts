/** No result depends on how many examples share a pass: not for any attack, not for a random classifier. */
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AttackPlugin, defineEnsemble, type EnsemblePlugin } from '../../../attacks/attack.ts';
import { attack as attackNamed, attacks } from '../../../attacks/index.ts';
import { heldSplit } from '../../../datasets/split.ts';
import resizePad from '../../../defenses/random-resize-pad.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import type { EvaluationInput } from '../../../harness/evaluate/evaluation.ts';
import { type EvaluationData, predictClean } from '../../../harness/evaluate/predict.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { Rng } from '../../../tensor/rng.ts';
import { type Shape, tf } from '../../../tensor/tf.ts';
import { randomLinear } from '../../contract/linear.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const SHAPE: Shape = [6, 6, 1];
const CLASSES = 5;
/** More than two passes of 64, fewer than two of 128. */
const N = 135;
const SMALL = 7;
const LARGER = [64, 128];

const linear = (name: string) => randomLinear(SHAPE, CLASSES, new Rng(name));
const random = (name: string): Classifier => resizePad.apply(resizePad.params.parse({ shrink: 2 }), linear(name));

/** Few steps, but several attempts per example: those are what runs ahead. */
const FEW: Record<string, Record<string, unknown>> = {
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
  fab: { iterations: 3, restarts: 2 },
  'fab-t': { iterations: 3 },
};

/** Images near the decision boundaries; labels are what `classifier` says of them. */
async function images(classifier: Classifier): Promise<EvaluationData> {
  const pixels = Uint8Array.from(new Rng('pixels').uniform(N * 36, 90, 166));
  const data = { ...heldSplit({ images: pixels, labels: new Int32Array(N) }), shape: SHAPE };
  const { predictions } = await predictClean({ classifier, name: 'model', rng: new Rng('cell') }, data, N);
  return { ...data, labels: Int32Array.from(predictions) };
}

async function run(
  plugin: AttackPlugin | EnsemblePlugin,
  params: Record<string, unknown>,
  make: (name: string) => Classifier,
  batchSize: number,
  checkpoint?: EvaluationInput['checkpoint'],
) {
  const rng = new Rng('cell');
  const classifier = make('model');
  const data = await images(classifier);
  const clean = await predictClean({ classifier, name: 'model', rng }, data, batchSize);
  const evaluation = await evaluate({
    classifier,
    name: 'model',
    attack: plugin,
    params: plugin.params.parse(params),
    threat: { norm: 'Linf', eps: 0.012 },
    data,
    clean: clean.robust,
    rng,
    batchSize,
    sources: new Map([['source', { classifier: make('source'), name: 'source' }]]),
    signal: new AbortController().signal,
    keepExamples: 3,
    lookup: attackNamed,
    ...(checkpoint && { checkpoint }),
  });
  const { overhead, members, ...result } = evaluation;
  const timeless = members?.map(({ wallMs, overhead, ...member }) => member);
  return { overhead, result: { clean, ...result, members: timeless } };
}

const several = defineEnsemble({
  name: 'several',
  title: 'several',
  paper: 'none',
  version: 1,
  access: 'gradient',
  norms: ['Linf'],
  params: z.strictObject({}),
  members: () => ['apgd-ce', 'apgd-t', 'square'].map((attack) => ({ attack, params: FEW[attack] ?? {} })),
});

const cases = [...attacks, several].map((plugin) => ({ label: plugin.name, plugin }));

describe.each([
  { kind: 'a fixed classifier', make: linear },
  { kind: 'a random classifier', make: random },
])('$kind', ({ make }) => {
  test.each(cases)('$label: outcomes, passes and survivors are the same in passes of 7, 64 and 128', async ({ plugin }) => {
    const small = await run(plugin, FEW[plugin.name] ?? {}, make, SMALL);
    expect(small.result.robust).toMatch(/01|10/);
    for (const size of LARGER) expect((await run(plugin, FEW[plugin.name] ?? {}, make, size)).result).toEqual(small.result);
  });
});

test('what runs ahead, because passes would be nearly empty, is counted apart', async () => {
  const [small, large] = [
    await run(attackNamed('apgd-t'), { iterations: 3 }, random, 7),
    await run(attackNamed('apgd-t'), { iterations: 3 }, random, 64),
  ];
  expect(small.overhead.forward).toBeGreaterThan(0);
  expect(large.overhead).not.toEqual(small.overhead);
});

test('an evaluation of a random classifier that is killed after any batch ends with the same result', async () => {
  const whole = await run(several, {}, random, 7);
  const states: Uint8Array[] = [];
  await run(several, {}, random, 7, { load: async () => undefined, save: async (state) => void states.push(state) });
  // eight passes of 7 make a batch of an attack that fills its own
  expect(states.length).toBeGreaterThan(6);
  for (const state of [states[0], states[3], states[5]])
    expect((await run(several, {}, random, 7, { load: async (decode) => state && decode(state), save: async () => {} })).result).toEqual(
      whole.result,
    );
});
