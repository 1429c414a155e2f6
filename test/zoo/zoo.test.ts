/** Ten deliberately broken models, each caught by the check that is meant for it, and honest ones that trip none. `RAMPART_ZOO=1` trains sixteen more, and looks at two of `test/golden`. */
import { beforeAll, describe, expect, test } from 'vitest';
import { heldSplit } from '../../datasets/split.ts';
import { chooseEngine } from '../../engines/choose.ts';
import { wasm } from '../../engines/wasm/index.ts';
import type { EvaluationData } from '../../harness/evaluate/predict.ts';
import type { FlagName } from '../../records/flags.ts';
import type { Finding } from '../../records/masking/checks.ts';
import { goldenEntries, goldenNetwork } from '../golden.ts';
import { signsOf, testFigures } from './diagnosed.ts';
import { type Training, trained } from './honest.ts';
import { BROKEN, robust, standard } from './makers.ts';

const isLong = process.env.RAMPART_ZOO === '1';

let figures: EvaluationData;

beforeAll(async () => {
  // what is trained is trained on the fastest engine that there is
  if (isLong) await chooseEngine('auto', { threads: 1 });
  else await wasm.init({ threads: 1, device: 'cpu' });
  figures = await testFigures(isLong ? 200 : 60);
});

/** Images that are looked at. */
const IMAGES = 32;

const ZOO: Record<keyof typeof BROKEN, { meant: FlagName; says: Finding['outcome'] }> = {
  'quantised input': { meant: 'zero-gradient', says: 'unreliable' },
  'a detached layer': { meant: 'gradient-mismatch', says: 'unreliable' },
  'saturated logits': { meant: 'saturated-loss', says: 'sign' },
  'random noise': { meant: 'random-answers', says: 'sign' },
  'a step without derivative': { meant: 'queries-beat-gradients', says: 'unreliable' },
  'a temperature': { meant: 'vanishing-gradient', says: 'sign' },
  'an ensemble with one masked member': { meant: 'gradient-mismatch', says: 'unreliable' },
  'shattered gradients': { meant: 'misleading-gradient', says: 'unreliable' },
  JPEG: { meant: 'large-radius', says: 'unreliable' },
  'a large constant': { meant: 'coarse-logits', says: 'sign' },
};

describe('a broken model is caught by the check that is meant for it', () => {
  test.each(Object.entries(BROKEN))(
    '%s',
    async (name, make) => {
      const { meant, says } = ZOO[name as keyof typeof BROKEN];
      const found = await signsOf(await make(), figures, IMAGES);
      // at another number of images a sign may be strong enough to be more
      expect(found[meant]).toMatch(says === 'sign' ? /^(sign|unreliable)$/ : /^unreliable$/);
    },
    180_000,
  );
});

describe('an honest model trips no check', () => {
  test.each([
    ['standard training', standard],
    ['PGD training', robust],
  ])('%s', async (_, make) => {
    expect(await signsOf(await make(), figures, IMAGES)).toEqual({});
  });
});

/** Short trainings, those that train against an attack among them. */
const TRAININGS: readonly Training[] = [
  { arch: 'cnn-small', defense: 'standard', seed: 1, images: 1200, recipe: { epochs: 4, learningRate: 0.1 } },
  { arch: 'cnn-small', defense: 'fgsm-rs' },
  { arch: 'cnn-small', defense: 'n-fgsm' },
  { arch: 'cnn-small', defense: 'pgd-at', params: { steps: 2 }, seed: 1 },
  { arch: 'cnn-small', defense: 'trades', params: { steps: 2 } },
  { arch: 'cnn-small', defense: 'mart', params: { steps: 2 } },
  { arch: 'cnn-small', defense: 'trades', params: { steps: 2 }, seed: 1 },
  { arch: 'cnn-small', defense: 'mart', params: { steps: 2 }, seed: 1 },
  { arch: 'cnn-small', defense: 'gat' },
  { arch: 'cnn-small', defense: 'nuat' },
  { arch: 'cnn-small', defense: 'elle' },
  { arch: 'cnn-small', defense: 'fgsm-pgi' },
  { arch: 'cnn-small', defense: 'liet' },
  { arch: 'cnn-small', defense: 'standard', seed: 2, recipe: { epochs: 3 } },
  { arch: 'cnn-small', defense: 'gat', seed: 1 },
  { arch: 'cnn-small', defense: 'standard', seed: 3, recipe: { epochs: 3 } },
];

/** Models of `test/golden`, trained on CIFAR-10, on its first 256 test images. */
const GOLDEN = {
  'resnet-tiny, standard training': () => goldenNetwork('model-standard'),
  'resnet-tiny, PGD-7 training': () => goldenNetwork('model'),
};

describe.runIf(isLong)('eighteen more honest models trip none', () => {
  test.each(TRAININGS.map((t) => [`${t.defense} in ${t.arch}, seed ${t.seed ?? 0}`, t] as const))(
    '%s',
    async (_, training) => {
      const network = await trained({ images: 1600, ...training, recipe: { epochs: 5, learningRate: 0.03, ...training.recipe } });
      const classifier = network.freeze();
      network.dispose();
      expect(await signsOf(classifier, figures, IMAGES)).toEqual({});
    },
    600_000,
  );

  test.each(Object.entries(GOLDEN))(
    '%s',
    async (_, make) => {
      expect(await signsOf(make().freeze(), cifar(), IMAGES)).toEqual({});
    },
    600_000,
  );
});

function cifar(): EvaluationData {
  const entries = goldenEntries('first256');
  const labels = Int32Array.from(entries.get('labels')?.data ?? []);
  const nchw = entries.get('images')?.data ?? new Float32Array();
  const images = new Uint8Array(nchw.length);
  for (let i = 0; i < images.length; i++) {
    const [image, rest] = [Math.floor(i / 3072), i % 3072];
    images[image * 3072 + (rest % 1024) * 3 + Math.floor(rest / 1024)] = nchw[i] as number;
  }
  return { ...heldSplit({ images, labels }), shape: [32, 32, 3] };
}
