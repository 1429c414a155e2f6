/** What is silent without a proof: each way to import a network wrongly that its names do not show, caught by logits from where it comes from. */
import { beforeAll, describe, expect, it } from 'vitest';
import { heldSplit } from '../../../datasets/split.ts';
import { chooseEngine } from '../../../engines/choose.ts';
import { holdToReference } from '../../../harness/evaluate/reference-logits.ts';
import { bytesInMemory } from '../../../models/import/bytes.ts';
import { type ImportOptions, importWeights } from '../../../models/import/import.ts';
import type { ReferenceLogits } from '../../../models/import/reference.ts';
import { architecture } from '../../../models/index.ts';
import { Network } from '../../../models/network.ts';
import { writeSafetensors } from '../../../models/safetensors.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { formulaEntries, formulaImages } from '../../models/networks.ts';

beforeAll(async () => {
  await chooseEngine('wasm', { threads: 1 });
});

const SHAPE: [number, number, number] = [8, 8, 3];
const N = 3;
const none = { mean: [0, 0, 0], std: [1, 1, 1] };
const bytes = Uint8Array.from({ length: 5 * 192 }, (_, i) => (i * 37) % 256);
const data = { ...heldSplit({ images: bytes, labels: new Int32Array(5) }), shape: SHAPE };

/** The file of a network, as its authors have it. */
async function fileOf(arch: string): Promise<Uint8Array> {
  const network = new Network(arch, architecture(arch).graph({ inputShape: SHAPE, classes: 10, ...none }), new Rng('blank'));
  const bytes = writeSafetensors(formulaEntries(await network.save()));
  network.dispose();
  return bytes;
}

type Stated = Pick<ImportOptions, 'arch' | 'normalization' | 'bnEps'>;

function imported(file: Uint8Array, stated: Stated) {
  const { graph, entries } = importWeights(bytesInMemory(file, 'w.safetensors'), { inputShape: SHAPE, classes: 10, ...stated });
  const network = new Network(stated.arch, graph, new Rng('blank'));
  network.load(entries, 'w.safetensors');
  const classifier = network.freeze();
  network.dispose();
  return classifier;
}

const images = () => Float32Array.from(formulaImages(N, SHAPE).dataSync());

/** What the authors' network says of the images. */
function answer(file: Uint8Array, stated: Stated): ReferenceLogits {
  const classifier = imported(file, stated);
  const logits = Float32Array.from(tf.tidy(() => classifier.logits(formulaImages(N, SHAPE)).dataSync()));
  classifier.dispose();
  return { n: N, logits, images: images() };
}

async function held(file: Uint8Array, stated: Stated, reference: ReferenceLogits): Promise<void> {
  const classifier = imported(file, stated);
  try {
    await holdToReference({ classifier, name: 'theirs', rng: new Rng('cell') }, reference, data, 2, 1e-4);
  } finally {
    classifier.dispose();
  }
}

const wrong =
  /^\[model theirs\] expected the logits of the reference to 0\.0001 of the largest, got [\d.e-]+ on image \d; check architecture/;

describe.each<[string, Stated, Stated]>([
  [
    'the normalisation of another data set',
    { arch: 'wrn-10-1', normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } },
    { arch: 'wrn-10-1', normalization: none },
  ],
  ['the eps of batch normalisation', { arch: 'wrn-10-1', normalization: none, bnEps: 1e-3 }, { arch: 'wrn-10-1', normalization: none }],
  [
    'a shortcut from the raw input',
    { arch: 'preact-resnet-18 shortcut=raw', normalization: none },
    { arch: 'preact-resnet-18', normalization: none },
  ],
  ['the activation', { arch: 'dm-wrn-10-1', normalization: none }, { arch: 'dm-wrn-10-1 activation=relu', normalization: none }],
])('%s', (_what, right, mistaken) => {
  it('wrong, it fits by its names and is caught by its logits; right, it is taken', { timeout: 60_000 }, async () => {
    const file = await fileOf(right.arch);
    const reference = answer(file, right);
    await expect(held(file, mistaken, reference)).rejects.toThrow(wrong);
    await held(file, right, reference);
  });
});

it('an eps for a network without batch normalisation is a mistake', async () => {
  const file = await fileOf('vit patch=4 width=12 depth=1 heads=2');
  expect(() => imported(file, { arch: 'vit patch=4 width=12 depth=1 heads=2', normalization: none, bnEps: 1e-3 })).toThrow(
    'bnEps: expected a network with batch normalisation',
  );
});

it('a reference without images is of the first test images, and leaves no tensor behind', async () => {
  const file = await fileOf('wrn-10-1');
  const stated = { arch: 'wrn-10-1', normalization: none };
  const classifier = imported(file, stated);
  const first = tf.tidy(() =>
    classifier
      .logits(
        tf
          .tensor(
            Float32Array.from(bytes, (b) => b / 255),
            [5, ...SHAPE],
          )
          .slice([0, 0, 0, 0], [N, -1, -1, -1]) as tf.Tensor4D,
      )
      .dataSync(),
  );
  const reference = { n: N, logits: Float32Array.from(first), images: undefined };
  const before = tf.memory().numTensors;
  await holdToReference({ classifier, name: 'theirs', rng: new Rng('cell') }, reference, data, 2, 1e-4);
  expect(tf.memory().numTensors).toBe(before);
  classifier.dispose();
  const turned = { ...reference, logits: Float32Array.from(first).reverse() };
  await expect(held(file, stated, turned)).rejects.toThrow(wrong);
  await expect(held(file, stated, { n: 6, logits: new Float32Array(60).fill(1), images: undefined })).rejects.toThrow(
    'at most the 5 test images, got 6',
  );
});
