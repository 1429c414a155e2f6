/** What jobs leave behind when they are performed: records that say what was done, with numbers that can be computed again. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Dataset } from '../../../datasets/dataset.ts';
import { shapes } from '../../../datasets/shapes.ts';
import type { JobContext } from '../../../harness/job/context.ts';
import { engineIdentity } from '../../../harness/job/engine.ts';
import { failureOf } from '../../../harness/job/failures.ts';
import type { Job } from '../../../harness/job/job.ts';
import { loadClassifier } from '../../../harness/job/load-model.ts';
import { perform } from '../../../harness/job/perform.ts';
import { Registry } from '../../../harness/suite/registry.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { sha256 } from '../../../records/hash.ts';
import type { CellRecord, ModelRecord, RampartRecord } from '../../../records/record.ts';
import { wilson } from '../../../records/stats.ts';
import { tf } from '../../../tensor/tf.ts';
import { pixelsOf } from '../../datasets/files.ts';
import { freshFolder } from '../folders.ts';
import { inProcess, TINY } from '../run/in-process.ts';
import { cpuEngine, planFor } from '../run/plans.ts';

const golden = fileURLToPath(new URL('../../golden/model.safetensors', import.meta.url));
const N = 12;
const dir = mkdtempSync(join(tmpdir(), 'rampart-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const registry = new Registry();
let store: FolderStore;
let records: readonly RampartRecord[];
let dataset: Dataset;

const model = (name: string) => records.find((r) => r.kind === 'model' && r.name === name) as ModelRecord;
const cell = (label: string, on: string) =>
  records.find((r) => r.kind === 'cell' && r.attack.label === label && r.model.name === on) as CellRecord;

beforeAll(async () => {
  store = new FolderStore(dir);
  const { run } = await inProcess(store, {
    ...TINY,
    recipe: 'recipe: { epochs: 2, validation: 8, batchSize: 20 }',
    architectures: 'architectures: [resnet-tiny]',
    defenses: 'defenses: [standard, bit-depth]',
    models: `models: [{ name: borrowed, weights: ${golden}, arch: resnet-tiny, title: From elsewhere, paper: 'Us 2026', mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] }]`,
    attacks: 'attacks: [fgsm, { name: transfer, sources: [standard], steps: 2, n: 5 }]',
    threats: 'threats: [{ norm: Linf, eps: [4/255, 16/255] }]',
  });
  const done = await run();
  expect(done.failed).toEqual([]);
  records = done.records;
  dataset = await shapes.load(shapes.params.parse({}), {
    dataDir: '',
    download: false,
    limit: { train: 48, test: N },
    signal: new AbortController().signal,
  });
}, 300_000);

const here = { engine: { ...cpuEngine, version: '', details: {}, warnings: [] }, outside: [], report: () => undefined };

/** Logits `[n,classes]` of a model on the test images, loaded anew. */
async function logitsOf(key: string): Promise<number[][]> {
  const classifier = await loadClassifier(key, dataset, { registry, store, ...here });
  const x = tf.tensor4d(
    Float32Array.from(await pixelsOf(dataset.test), (byte) => byte / 255),
    [N, ...dataset.shape],
  );
  const logits = classifier.logits(x);
  const values = logits.arraySync() as number[][];
  tf.dispose([x, logits]);
  classifier.dispose();
  return values;
}

test('a pretrained model is recorded as what the suite says of it, with the hash of its file, and costs nothing', () => {
  const bytes = readFileSync(golden);
  expect(model('borrowed')).toMatchObject({
    status: 'done',
    dataset: {
      name: 'shapes',
      train: 48,
      validation: 0,
      test: N,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      classNames: dataset.classNames,
    },
    arch: { name: 'resnet-tiny', parameters: 78_042 },
    defense: {
      name: 'borrowed',
      kind: 'pretrained',
      title: 'From elsewhere',
      paper: 'Us 2026',
      params: { mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] },
    },
    weightsHash: sha256(bytes),
    extraData: false,
    recipe: {},
    epochs: [],
    cost: { passes: { forward: 0, backward: 0 }, optimizerSteps: 0, examples: 0 },
  });
});

test('a trained model is recorded with its recipe, its epochs and the passes of its method', () => {
  const { defense, recipe, epochs, cost, threat, weightsHash, dataset: data } = model('standard');
  expect(defense).toMatchObject({ name: 'standard', kind: 'training', role: 'baseline', title: 'No defense' });
  expect(recipe).toMatchObject({ epochs: 2, validation: 8, batchSize: 20 });
  expect(data).toMatchObject({ train: 48, validation: 8, test: N });
  expect(threat).toMatchObject({ norm: 'Linf' });
  expect(epochs.map((e) => e.epoch)).toEqual([0, 1]);
  expect(cost).toMatchObject({ optimizerSteps: 2 * 2, examples: 2 * 40 });
  // 40 images in two epochs; validation is not the method's
  expect(cost.passes).toEqual({ forward: 80, backward: 80 });
  expect(weightsHash).toMatch(/^[0-9a-f]{64}$/);
});

test('a wrapper is recorded on its base: the same weights, architecture, recipe and threat', () => {
  const [base, wrapped] = [model('standard'), model('bit-depth on standard')];
  expect(wrapped).toMatchObject({
    wraps: base.key,
    weightsHash: base.weightsHash,
    arch: base.arch,
    recipe: base.recipe,
    threat: base.threat,
  });
  expect(wrapped.defense).toMatchObject({ name: 'bit-depth', kind: 'wrapper', params: { bits: expect.any(Number) } });
  expect(wrapped.epochs).toEqual([]);
  expect(wrapped.cost.passes).toEqual({ forward: 0, backward: 0 });
});

test.each(['standard', 'borrowed', 'bit-depth on standard'])(
  'the clean cell of %s holds what its weights say of the test images',
  async (name) => {
    const { outcomes, accuracy, interval, passes, n, attack, model: on } = cell('clean', name);
    const logits = await logitsOf(model(name).key);
    const labels = [...dataset.test.labels];
    const predictions = logits.map((z) => z.indexOf(Math.max(...z)));
    expect(outcomes.predictions).toEqual(predictions);
    expect(outcomes.labels).toEqual(labels);
    expect(outcomes.robust).toBe(predictions.map((p, i) => (p === labels[i] ? '1' : '0')).join(''));
    expect(outcomes.distances).toEqual(Array(N).fill(0));
    const sure = logits.map((z) => 1 / z.reduce((sum, v) => sum + Math.exp(v - Math.max(...z)), 0));
    expect(outcomes.confidences).toEqual(sure.map((p) => expect.closeTo(p, 3)));
    expect(outcomes.confidences?.every((p) => p === Math.round(p * 1e4) / 1e4)).toBe(true);
    const right = predictions.filter((p, i) => p === labels[i]).length;
    expect([n, accuracy, interval]).toEqual([N, right / N, wilson(right, N)]);
    expect(passes).toEqual({ forward: N, backward: 0 });
    expect(attack).toMatchObject({ name: 'clean', title: 'Clean accuracy', access: 'none' });
    expect(on).toEqual({ key: model(name).key, name, weightsHash: model(name).weightsHash });
  },
);

test('an attack begins where the smaller radius ended, and its record says what it was', () => {
  const cells = records.filter((r): r is CellRecord => r.kind === 'cell' && r.attack.label === 'fgsm' && r.model.name === 'standard');
  const [small, large] = cells.sort((a, b) => a.threat.eps - b.threat.eps) as [CellRecord, CellRecord];
  const clean = cell('clean', 'standard').outcomes.robust;
  expect([...clean].every((c, i) => small.outcomes.robust[i] === '0' || c === '1')).toBe(true);
  const left = (c: CellRecord) => c.outcomes.robust.split('1').length - 1;
  expect(large.passes.forward).toBeLessThan(small.passes.forward + 1);
  [...small.outcomes.robust].forEach((c, i) => {
    if (c === '1') return;
    expect(large.outcomes.robust[i]).toBe('0');
    expect(large.outcomes.distances[i]).toBe(small.outcomes.distances[i]);
  });
  expect(left(large)).toBeLessThanOrEqual(left(small));
  expect(small.attack).toMatchObject({ name: 'fgsm', access: 'gradient', paper: expect.stringContaining('Goodfellow') });
  expect([small.threat.eps, large.threat.eps]).toEqual([4 / 255, 16 / 255]);
  expect(small.dataset).toEqual({ name: 'shapes', hash: model('standard').dataset.hash });
});

test('a transfer counts the passes on its source, on the images that it was given', () => {
  const { n, passes, outcomes, attack } = cell('transfer', 'borrowed');
  expect(attack.access).toBe('transfer');
  expect([n, outcomes.labels.length, outcomes.robust.length]).toEqual([5, 5, 5]);
  const right = cell('clean', 'borrowed').outcomes.robust.slice(0, 5).split('1').length - 1;
  expect(passes.backward).toBeLessThanOrEqual(2 * right);
  expect(passes.backward > 0).toBe(right > 0);
});

test('examples are kept as they were before and after, with how sure the model was', async () => {
  const kept = records.filter((r): r is CellRecord => r.kind === 'cell' && r.examples !== undefined);
  expect(kept.length).toBeGreaterThan(0);
  const pixels = await pixelsOf(dataset.test);
  for (const record of kept) {
    const examples = await store.examples(record);
    if (!examples) throw new Error('the examples are gone');
    const { ids, clean, adversarial } = examples;
    const size = 32 * 32 * 3;
    ids.forEach((id, i) => {
      expect(record.outcomes.robust[id]).toBe('0');
      const image = pixels.subarray(id * size, (id + 1) * size);
      const before = clean.subarray(i * size, (i + 1) * size);
      expect(before.every((v, j) => v === Math.fround((image[j] as number) / 255))).toBe(true);
      const moved = Math.max(...adversarial.subarray(i * size, (i + 1) * size).map((v, j) => Math.abs(v - (before[j] as number))));
      expect(moved).toBeGreaterThan(0);
      expect(moved).toBeLessThan(record.threat.eps + 1e-6);
    });
  }
});

test('weights that were changed are not attacked', async () => {
  const { key, weightsHash } = model('standard');
  const file = join(dir, 'artifacts', weightsHash);
  const bytes = readFileSync(file);
  const changed = Buffer.from(bytes);
  changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
  writeFileSync(file, changed);
  await expect(loadClassifier(key, dataset, { registry, store, ...here })).rejects.toThrow(weightsHash);
  rmSync(file);
  await expect(loadClassifier(key, dataset, { registry, store, ...here })).rejects.toThrow(`(SHA-256 ${weightsHash}) is not there`);
  writeFileSync(file, bytes);
});

test('a failure is told in one line, with its kind and the place of what is no user’s mistake', () => {
  expect(failureOf('text')).toEqual({ kind: 'error', message: 'text' });
  expect(failureOf(new RangeError('Invalid array length'))).toEqual({
    kind: 'memory',
    message: expect.stringMatching(/^RangeError: Invalid array length \(at perform\.test\.ts:\d+\)$/),
  });
  expect(failureOf(new TypeError('x is not a function')).kind).toBe('error');
});

test('a job is done once nobody else works at it', async () => {
  const { plan, registry: planned } = await planFor();
  const job = plan.models[0]?.job as Job;
  const empty = new FolderStore(freshFolder());
  const other = await empty.work('model', job.key);
  // fails at once, because this is not the engine of its key
  const engine = { ...cpuEngine, version: 'another', details: {}, warnings: [] };
  const context = { registry: planned, store: empty, engine, signal: new AbortController().signal } as unknown as JobContext;
  const performed = perform(job, context);
  await new Promise((next) => setTimeout(next, 250));
  expect(await empty.record('model', job.key)).toBeUndefined();
  await other?.release();
  expect((await performed).error?.message).toMatch('expected');
  expect(await empty.work('model', job.key)).toBeDefined();
});

test('what another one has done, while this one waited or before it came to the job, is not done again', async () => {
  const made = cell('fgsm', 'standard');
  const { plan, registry: planned } = await planFor();
  const job = { ...(plan.models[0]?.job as Job), kind: 'cell', key: made.key } as Job;
  const empty = new FolderStore(freshFolder());
  const other = await empty.work('cell', job.key);
  const context = { registry: planned, store: empty, signal: new AbortController().signal } as unknown as JobContext;
  const waiting = perform(job, context);
  await new Promise((next) => setTimeout(next, 250));
  await empty.writeRecord({ ...made, examples: undefined });
  await other?.release();
  for (const performed of [waiting, perform(job, context)]) expect(await performed).toMatchObject({ key: made.key, status: 'done' });
});

test('a job that is stopped while its claim is made is not begun', async () => {
  const { registry: planned, plan } = await planFor();
  const stop = new AbortController();
  const store = new FolderStore(freshFolder());
  store.work = async () => {
    stop.abort(new Error('told to stop'));
    return { release: async () => undefined };
  };
  const context = { registry: planned, store, signal: stop.signal } as unknown as JobContext;
  await expect(perform(plan.models[0]?.job as Job, context)).rejects.toThrow('told to stop');
});

test('whoever loses its right to a job while it is frozen leaves it to the one that has it, and answers with what that one made', async () => {
  const made = cell('fgsm', 'standard');
  const lost = new AbortController();
  let given = 0;
  class Frozen extends FolderStore {
    override async work() {
      return { ...(given++ === 0 && { lost: lost.signal }), release: async () => undefined };
    }
  }
  const store = new Frozen(freshFolder());
  const data = {
    async test() {
      // here it is frozen, and another one has begun and ended when it goes on
      await store.writeRecord({ ...made, examples: undefined });
      lost.abort(new Error('taken over'));
      throw lost.signal.reason;
    },
  };
  const { plan, registry: planned } = await planFor();
  const job = plan.cells[0]?.job(
    () => '0'.repeat(64),
    () => '0'.repeat(24),
  ) as Job;
  const engine = { ...cpuEngine, version: '1', details: {}, warnings: [] };
  const context = { registry: planned, store, engine, data, signal: new AbortController().signal } as unknown as JobContext;
  const record = await perform({ ...job, key: made.key, engine: engineIdentity(engine) } as Job, context);
  expect([record.status, given]).toEqual(['done', 2]);
});
