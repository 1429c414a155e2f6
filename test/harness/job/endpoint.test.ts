/** Models behind endpoints as a run knows them: told apart without being asked, and where their answers are kept. */
import { afterEach, expect, test } from 'vitest';
import { openEndpoint } from '../../../harness/job/endpoint.ts';
import { findOutside, sourcesOf } from '../../../harness/job/outside.ts';
import { prepareData } from '../../../harness/job/prepare-data.ts';
import type { EndpointSource } from '../../../harness/suite/models.ts';
import type { ModelRecord } from '../../../records/record.ts';
import { planFor } from '../run/plans.ts';
import { suiteWith } from '../suites.ts';

const { signal } = new AbortController();

afterEach(() => {
  delete process.env.RAMPART_TEST_TOKEN;
});

/** What is found of endpoints that nobody listens at. */
async function found(...entries: string[]) {
  const models = `models: [${entries.map((entry, i) => `{ name: m${i}, ${entry} }`).join(', ')}]`;
  const suite = { datasets: 'datasets: [{ name: shapes, train: 0, test: 4 }]', defenses: '', architectures: '', recipe: '', models };
  const read = await suiteWith({ ...suite, attacks: 'attacks: [rays]' });
  const data = await prepareData(read.suite, read.registry, { dataDir: '', download: false, signal });
  const outside = await findOutside(read.suite, data, 1, signal);
  return { outside: [...outside.values()], sources: sourcesOf(read.suite, '/out') as EndpointSource[] };
}

const base = 'url: "http://127.0.0.1:9/predict?key=hidden", access: scores';

test('an endpoint is what its user says of it, without what is secret', async () => {
  const { outside, sources } = await found(`${base}, version: "3"`);
  expect(outside).toMatchObject([
    {
      model: {
        via: 'http',
        url: 'http://127.0.0.1:9/predict?key=...',
        access: 'scores',
        scores: 'probabilities',
        format: 'float32',
        version: '3',
      },
      weights: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  ]);
  expect(sources).toMatchObject([{ url: 'http://127.0.0.1:9/predict?key=hidden', answers: '/out/answers' }]);
});

test('another version, form or place is another model; other limits, secrets and places of answers are not', async () => {
  const { outside } = await found(
    base,
    `${base.replace('hidden', 'other')}, rate: 2, queries: 9, batch: 3, answers: elsewhere`,
    `${base}, version: "4"`,
    `${base}, scores: logits`,
    `${base}, format: png`,
    base.replace('predict', 'label'),
  );
  const [first, same, ...others] = outside.map((one) => ('weights' in one ? one.weights : one.failure));
  expect(same).toBe(first);
  expect(new Set([first, ...others]).size).toBe(5);
});

test('a variable of the environment that is missing costs that model alone', async () => {
  const { outside } = await found(base, `${base}, tokenEnv: RAMPART_TEST_TOKEN`);
  expect(outside[1]).toEqual({
    failure: '[127.0.0.1:9/predict?key=...] expected the environment variable RAMPART_TEST_TOKEN, for the header authorization',
  });
  expect(outside[0]).toHaveProperty('weights');
  process.env.RAMPART_TEST_TOKEN = 'open-sesame';
  expect((await found(`${base}, tokenEnv: RAMPART_TEST_TOKEN`)).outside[0]).toHaveProperty('weights');
});

test('one that the run was not planned with is not asked', async () => {
  const { sources } = await found(base);
  const record = { name: 'api', weightsHash: 'of another' } as ModelRecord;
  expect(() => openEndpoint(record, { shape: [28, 28, 3], classes: 10 }, sources, () => undefined)).toThrow(
    '[model api] the endpoint is not the one that the run was planned with; run the suite again',
  );
});

test('an attack has no cell on a model that cannot answer it, and says so', async () => {
  const { plan } = await planFor({
    defenses: 'defenses: [standard]',
    models:
      'models: [{ name: api, url: "https://host/predict", access: scores }, { name: shy, url: "https://host/label", access: labels }]',
    attacks: 'attacks: [fgsm, square, rays, { name: transfer, sources: [standard] }]',
  });
  const on = (name: string) => plan.cells.filter((c) => c.model.job.name === name).map((c) => c.label);
  expect(on('standard')).toEqual(['clean', 'fgsm', 'square', 'rays']);
  expect(on('api')).toEqual(['clean', 'square', 'rays', 'transfer']);
  expect(on('shy')).toEqual(['clean', 'rays', 'transfer']);
  expect(plan.omitted).toEqual([
    'transfer on standard: it would transfer from itself',
    'fgsm on api: it asks for gradients, and host/predict answers with scores alone',
    'fgsm on shy: it asks for gradients, and host/label answers with labels alone',
    'square on shy: it asks for scores, and host/label answers with labels alone',
  ]);
});
