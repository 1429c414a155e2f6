/** A model that was trained on images in [0,1] as they are: another one by its key, and attacked, wrapped and imported without normalisation. Its architecture is one whose files do not state it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shapes } from '../../../datasets/shapes.ts';
import { loadClassifier, networkFrom } from '../../../harness/job/load-model.ts';
import { Registry } from '../../../harness/suite/registry.ts';
import type { Classifier } from '../../../models/classifier.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import type { ModelRecord, RampartRecord } from '../../../records/record.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { largestDifference } from '../../golden.ts';
import { inProcess, TINY } from '../run/in-process.ts';
import { cpuEngine } from '../run/plans.ts';

const registry = new Registry();
const dir = mkdtempSync(join(tmpdir(), 'rampart-'));
const store = new FolderStore(dir);
const identity = { mean: [0, 0, 0], std: [1, 1, 1] };
let records: readonly RampartRecord[];
const held: Classifier[] = [];
afterAll(() => {
  for (const classifier of held) classifier.dispose();
  rmSync(dir, { recursive: true, force: true });
});

const model = (name: string) => records.find((r) => r.kind === 'model' && r.name === name) as ModelRecord;

beforeAll(async () => {
  const { run } = await inProcess(store, {
    ...TINY,
    recipe: 'recipe: { epochs: 1, validation: 8, batchSize: 20, normalize: none }',
    architectures: 'architectures: [vit patch=8 width=12 depth=1 heads=2]',
    defenses:
      'defenses: [standard, { name: standard, label: normalised, recipe: { normalize: dataset } }, { name: bit-depth, bits: 8, around: [standard] }]',
    models: 'models: []',
    attacks: 'attacks: [fgsm]',
    threats: 'threats: [{ norm: Linf, eps: 4/255 }]',
  });
  const done = await run();
  expect(done.failed).toEqual([]);
  records = done.records;
}, 120_000);

const load = () =>
  shapes.load(shapes.params.parse({}), {
    dataDir: '',
    download: false,
    limit: { train: 48, test: 12 },
    signal: new AbortController().signal,
  });
/** Images in [0,1] that 8 bits hold. */
const images = (shape: readonly [number, number, number]) =>
  tf.tensor4d(
    new Rng('images').uniform(4 * 32 * 32 * 3).map((v) => Math.round(v * 255) / 255),
    [4, ...shape],
  );

async function logitsOf(name: string): Promise<tf.Tensor2D> {
  const dataset = await load();
  const engine = { ...cpuEngine, version: '', details: {}, warnings: [] };
  const classifier = await loadClassifier(model(name).key, dataset, { registry, store, engine, outside: [], report: () => undefined });
  held.push(classifier);
  return classifier.logits(images(dataset.shape));
}

/** Of the same weights as a file that somebody imports with a stated normalisation. */
async function importedLogits(name: string, normalization: { mean: readonly number[]; std: readonly number[] }): Promise<tf.Tensor2D> {
  const dataset = await load();
  const bytes = (await store.artifact(model(name).weightsHash)) as Uint8Array;
  const { network } = networkFrom(bytes, 'a file', 'vit patch=8 width=12 depth=1 heads=2', dataset, registry, { normalization });
  held.push(network);
  return network.logits(images(dataset.shape));
}

test.each(['standard', 'bit-depth on standard'])('%s is asked without normalisation', async (name) => {
  const got = await logitsOf(name);
  expect(largestDifference(got, await importedLogits('standard', identity))).toBeLessThan(1e-4);
  const { mean, std } = await load();
  expect(largestDifference(got, await importedLogits('standard', { mean, std }))).toBeGreaterThan(1e-2);
});

test('one of the same suite with the normalisation of its data set is asked with it', async () => {
  const { mean, std } = await load();
  expect(largestDifference(await logitsOf('normalised'), await importedLogits('normalised', { mean, std }))).toBeLessThan(1e-4);
});

test('the two are different models, and their records say which is which', () => {
  expect(model('standard').key).not.toBe(model('normalised').key);
  expect([model('standard').recipe.normalize, model('normalised').recipe.normalize]).toEqual(['none', 'dataset']);
});
