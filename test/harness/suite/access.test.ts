/** Models behind endpoints in a suite: what may be said of them, and which attacks may ask what they cannot answer. */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { accessOf } from '../../../harness/suite/models.ts';
import { refusal, suiteWith } from '../suites.ts';

const API = '{ name: api, url: "https://host/predict?key=hidden", access: scores }';
const LABELS = '{ name: shy, url: "https://host/label", access: labels }';
const alone = { defenses: '', architectures: '', recipe: '' };
const models = (...entries: string[]) => `models: [${entries.join(', ')}]`;

test('what is left out has its default', async () => {
  const { suite } = await suiteWith({ ...alone, models: models(API, LABELS), attacks: 'attacks: [rays]' });
  expect(suite.models).toMatchObject([
    {
      name: 'api',
      source: {
        ...{ via: 'http', access: 'scores', scores: 'probabilities', format: 'float32', batch: 32, timeout: 60, retries: 5 },
        headersFrom: {},
      },
    },
    { name: 'shy' },
  ]);
  expect(suite.models.map(accessOf)).toEqual(['scores', 'decision']);
});

describe('entries that are refused', () => {
  test.each([
    ['{ name: a, url: "ftp://host/predict", access: scores }', 'expected a URL such as https://host/predict, got "ftp://host/predict"'],
    ['{ name: a, url: host, access: scores }', 'expected a URL such as https://host/predict, got "host"'],
    ['{ name: a, url: "https://me:secret@host/predict", access: scores }', 'holds a password: name an environment variable'],
    ['{ name: a, url: "https://host/predict" }', 'models[0].access: is missing: does the endpoint answer with scores or with labels?'],
    ['{ name: a, url: "https://host", access: labels, scores: logits }', 'models[0].scores: goes with access: scores'],
    ['{ name: a, url: "https://host", access: labels, price: 2 }', 'models[0].budget: is missing; price and budget go together'],
    ['{ name: a, url: "https://host", access: labels, interpreter: python3 }', 'goes with python, and this model has url'],
    ['{ name: a, url: "https://host", access: labels, tokenEnv: "not one" }', 'expected the name of an environment variable'],
    ['{ name: a, url: "https://host", access: labels, headersFrom: { "a b": C } }', 'expected names of headers, such as x-api-key'],
    ['{ name: a, url: "https://host", access: scores, expect: { logits: a.npz } }', 'goes with scores: logits'],
  ])('%s', async (entry, message) => {
    const text = await refusal({ ...alone, models: models(entry), attacks: 'attacks: [rays]' });
    expect(text).toContain(message);
    expect(text).not.toContain('secret');
  });
});

describe('attacks that ask for more', () => {
  test('are refused where no model may be asked for it, with those that may', async () => {
    expect(await refusal({ ...alone, models: models(API), attacks: 'attacks: [autoattack]' })).toContain(
      'attacks[0]: autoattack: it asks for gradients, and host/predict?key=... answers with scores alone; attacks that may: noise, square, hopskipjump, rays, transfer',
    );
    expect(await refusal({ ...alone, models: models(LABELS), attacks: 'attacks: [rays, square]' })).toContain(
      'attacks[1]: square: it asks for scores, and host/label answers with labels alone; attacks that may: noise, hopskipjump, rays, transfer',
    );
  });

  test('are refused where they are named for such a model', async () => {
    expect(await refusal({ models: models(API), attacks: 'attacks: [{ name: fgsm, models: [standard, api] }]' })).toContain(
      'fgsm: it asks for gradients, and host/predict?key=... answers with scores alone',
    );
  });

  test('are for the other models where they are for all', async () => {
    const { suite } = await suiteWith({ models: models(API, LABELS), attacks: 'attacks: [fgsm, square]' });
    expect(suite.attacks.length).toBe(2);
  });

  test('features are asked of networks whose layers are known here: no script, no module in its own Python', async () => {
    const script = `{ name: traced, torchscript: ${fileURLToPath(new URL('../../golden/torchscript/traced.pt', import.meta.url))} }`;
    const attacks = 'attacks: [{ name: feature-pgd, models: [traced] }]';
    expect(await refusal({ models: models(script), attacks })).toContain(
      'attacks[0]: feature-pgd: it asks for features, which are of networks whose layers are known here, and traced shows logits alone; attacks that may: noise, fgsm, pgd',
    );
    expect(await refusal({ models: models(API), attacks: attacks.replace('traced', 'api') })).toContain(
      'feature-pgd: it asks for gradients, and host/predict?key=... answers with scores alone',
    );
    // for all models it is one on those that are trained here
    expect((await suiteWith({ models: models(script), attacks: 'attacks: [feature-pgd]' })).suite.attacks.length).toBe(1);
  });

  test('a transfer attack takes no such model as its source, and attacks it', async () => {
    const transfer = (source: string) => ({ models: models(API), attacks: `attacks: [{ name: transfer, sources: [${source}] }]` });
    expect(await refusal(transfer('api'))).toContain('a source is asked for gradients, and host/predict?key=... has none');
    expect((await suiteWith(transfer('standard'))).suite.attacks.length).toBe(1);
  });
});

test.each([
  ['threats: [{ norm: L2, eps: 0.5 }]', 'L2 0.5'],
  ['threats: [{ norm: Linf, eps: [4/255, 0.03] }]', 'Linf 0.03'],
])('images that are sent as PNG do not go with %s', async (threats, named) => {
  const png = API.replace('access', 'format: png, access');
  const suite = { ...alone, threats, models: models(png), attacks: 'attacks: [square]' };
  expect(await refusal(suite)).toContain(
    `models[0].format: png rounds images to 1/255, which would leave ${named}: expected Linf and a radius of whole grey levels`,
  );
  await suiteWith({ ...suite, threats: 'threats: [{ norm: Linf, eps: [4/255, 8/255] }]' });
});
