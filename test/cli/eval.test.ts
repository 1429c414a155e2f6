import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { dataOf, evalCommand, suiteOf } from '../../cli/commands/eval.ts';
import { prepareData } from '../../harness/job/prepare-data.ts';
import { resolveSuite } from '../../harness/suite/read.ts';
import { writeSafetensors } from '../../models/safetensors.ts';
import { npy, npz } from '../datasets/numpy.ts';
import { folderOf, png } from '../datasets/pictures.ts';
import { freshFolder } from '../harness/folders.ts';

const golden = fileURLToPath(new URL('../golden/model.safetensors', import.meta.url));
const script = fileURLToPath(new URL('../golden/torchscript/traced.pt', import.meta.url));
const base = { arch: 'resnet-tiny', dataset: 'cifar10', threat: 'Linf:8/255' };

test('one line is a suite of one model under AutoAttack', async () => {
  const { suite } = await resolveSuite(stringify(suiteOf(golden, base)), 'eval');
  expect(suite).toMatchObject({
    name: 'eval-model',
    models: [{ name: 'model', arch: 'resnet-tiny', weights: golden }],
    threats: [{ norm: 'Linf', radii: [8 / 255] }],
    attacks: [{ ref: { name: 'autoattack' } }],
    defenses: [],
  });
});

test('options say the rest', async () => {
  const logits = join(freshFolder(), 'logits.safetensors');
  writeFileSync(logits, writeSafetensors(new Map([['logits', { shape: [1, 10], data: new Float32Array(10) }]])));
  const options = {
    ...base,
    threat: 'Linf:8/255,L2:0.5,Linf:4/255',
    attacks: 'fgsm, pgd',
    n: 100,
    mean: '0.5,0.4,0.3',
    std: '0.2,0.2,0.2',
    expect: 0.5,
    expectLogits: logits,
    bnEps: 0.001,
  };
  const { suite } = await resolveSuite(stringify(suiteOf(golden, options)), 'eval');
  expect(suite.threats).toMatchObject([
    { norm: 'Linf', radii: [4 / 255, 8 / 255] },
    { norm: 'L2', radii: [0.5] },
  ]);
  expect(suite.attacks.map((a) => a.label)).toEqual(['fgsm', 'pgd']);
  expect(suite.models[0]).toMatchObject({
    normalization: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] },
    expect: { clean: 0.5, tolerance: 0.005 },
    reference: { file: logits },
    bnEps: 0.001,
  });
});

test('an endpoint is asked where it is, with what its options say', async () => {
  const { arch: _, ...asked } = base;
  const limits = { batch: 8, retries: 2, rate: 0.5, mostQueries: 1000, price: 1.5, budget: 20, timeout: 30 };
  const options = {
    ...asked,
    ...limits,
    ...{ access: 'scores', scores: 'logits', modelVersion: 3, tokenEnv: 'TOKEN', headersFrom: 'x-api-key=KEY,x-b=B' },
    ...{ attacks: 'square, rays, noise', queries: 2000 },
  };
  const { suite } = await resolveSuite(stringify(suiteOf('https://api.example.org/v1/predict', options)), 'eval');
  const { mostQueries: queries, ...rest } = limits;
  expect(suite).toMatchObject({
    name: 'eval-api-example-org',
    models: [
      {
        source: {
          ...{
            via: 'http',
            url: 'https://api.example.org/v1/predict',
            access: 'scores',
            scores: 'logits',
            version: '3',
            tokenEnv: 'TOKEN',
          },
          ...{ ...rest, queries, headersFrom: { 'x-api-key': 'KEY', 'x-b': 'B' } },
        },
      },
    ],
    attacks: [{ ref: { params: { queries: 2000 } } }, { ref: { params: { queries: 2000 } } }, { ref: { params: { draws: 10 } } }],
  });
});

test.each([
  ['https://host/predict?key=hidden', { access: 'scores', mean: '0.5' }, '--mean goes with a file of weights, got https://host/predict'],
  [
    'my_model.py:load',
    { rate: 1, tokenEnv: 'A' },
    '--rate, --token-env go with an endpoint, such as https://host/predict, got my_model.py:load',
  ],
  [golden, { timeout: 3 }, '--timeout goes with a function of a Python file, such as my_model.py:load'],
  ['https://host/predict', { access: 'scores', queries: 10 }, '--queries goes with square, hopskipjump, rays'],
])('%s with %j is refused', (model, options, message) => {
  const { arch: _, ...asked } = base;
  const ask = () => suiteOf(model, { ...asked, ...options });
  expect(ask).toThrow(message);
  expect(ask).not.toThrow('hidden');
});

test('what is wrong with an endpoint is said in the words of the options', async () => {
  const { arch: _, ...asked } = base;
  const refused = (options: object) => evalCommand('https://host/predict', { ...asked, ...options }, new AbortController().signal);
  await expect(refused({})).rejects.toThrow('--access: is missing: does the endpoint answer with scores or with labels?');
  await expect(refused({ access: 'labels', price: 1 })).rejects.toThrow('--budget: is missing; price and budget go together');
  await expect(refused({ access: 'scores' })).rejects.toThrow('--attacks: autoattack: it asks for gradients');
  await expect(refused({ access: 'labels', attacks: 'rays', headersFrom: 'x-api-key' })).rejects.toThrow('--headers-from');
});

test('a function of a Python file is asked where it is, and needs no architecture', async () => {
  const file = join(freshFolder(), 'my_model.py');
  writeFileSync(file, 'def load(): ...');
  const { arch: _, ...asked } = base;
  const options = { ...asked, python: 'venv/bin/python', device: 'cuda:1', timeout: 30 };
  const { suite } = await resolveSuite(stringify(suiteOf(`${file}:load`, options)), 'eval');
  const source = { via: 'python', file, function: 'load', python: resolve('venv/bin/python'), device: 'cuda:1', timeout: 30 };
  expect(suite).toMatchObject({ name: 'eval-my-model', models: [{ name: 'my-model', source }] });
  expect(() => suiteOf(`${file}:load`, { ...base, bnEps: 1 })).toThrow('--arch, --bn-eps go with a file of weights');
  expect(() => suiteOf(golden, { ...base, python: 'python3' })).toThrow('--python goes with a function of a Python file');
});

test('a TorchScript module is told by its bytes, and needs no architecture', async () => {
  const { arch: _, ...asked } = base;
  const { suite } = await resolveSuite(stringify(suiteOf(script, asked)), 'eval');
  expect(suite).toMatchObject({ name: 'eval-traced', models: [{ name: 'traced', torchscript: script }] });
  expect(() => suiteOf(script, { ...base, mean: '0,0,0' })).toThrow(
    `[eval] --arch, --mean go with a file of weights, got ${script}, a TorchScript module`,
  );
  expect(() => suiteOf(script, { ...asked, device: 'cpu' })).toThrow('--device goes with a function of a Python file');
  await expect(evalCommand(script, { dataset: 'cifar10' }, new AbortController().signal)).rejects.toThrow(
    /^\[eval\] expected --threat too, such as --threat "Linf:8\/255"$/,
  );
});

test.each([
  [{ ...base, arch: undefined }, '[eval] --arch is missing, such as --arch wrn-28-10'],
  [{ ...base, threat: 'Linf' }, '[--threat] expected norm:radius such as Linf:8/255, got "Linf"'],
  [{ ...base, threat: 'Linf:8/0' }, '[--threat] expected norm:radius'],
  [{ ...base, mean: '0.5,x' }, '[--mean] expected numbers with commas, got "0.5,x"'],
])('%j is refused', (options, message) => {
  expect(() => suiteOf(golden, options)).toThrow(message);
});

test('what is missing is named at once, with the architecture whose names the file has', async () => {
  await expect(evalCommand(golden, { dataset: 'cifar10' }, new AbortController().signal)).rejects.toThrow(
    `[eval] expected --arch, --threat too, such as --arch "resnet-tiny" --threat "Linf:8/255" (the names in ${golden} are those of resnet-tiny)`,
  );
});

test.each([
  [{ arch: 'resnet-19' }, /^\[eval\] --arch: unknown architecture "resnet-19"; did you mean "resnet-18"\?/],
  [{ arch: 'resnet-18' }, /^\[eval\] \[model resnet-18\] .*its names are those of resnet-tiny$/],
  [{ mean: '0.5,0.5,0.5' }, /^\[eval\] --std: is missing; mean and std go together/],
  [{ threat: 'L3:1' }, /^\[eval\] --threat: /],
  [{ attacks: 'pdg' }, /^\[eval\] --attacks: unknown attack "pdg"/],
  [{ bnEps: -1 }, /^\[eval\] --bn-eps: /],
])('%j is refused in the words of the options, not of a suite that nobody has seen', async (options, message) => {
  await expect(evalCommand(golden, { ...base, ...options }, new AbortController().signal)).rejects.toThrow(message);
});

test('what a suite refuses, eval refuses', async () => {
  const refused = (options: object) => resolveSuite(stringify(suiteOf(golden, { ...base, ...options })), 'eval');
  await expect(refused({ arch: 'resnet-18' })).rejects.toThrow(/models\[0\]\.weights: .*its names are those of resnet-tiny/);
  await expect(refused({ threat: 'L3:1' })).rejects.toThrow('threats[0].norm');
  await expect(refused({ normalization: 'none', mean: '0,0,0', std: '1,1,1' })).rejects.toThrow(
    'says that there is none, but mean or std is given too',
  );
});

test('a data set by name may have parameters behind it', () => {
  expect(dataOf('cifar10')).toEqual({ entry: { name: 'cifar10' }, title: 'cifar10' });
  expect(dataOf('cifar10-c corruption=fog severity=3')).toEqual({
    entry: { name: 'cifar10-c', corruption: 'fog', severity: 3 },
    title: 'cifar10-c',
  });
});

test('a folder of images and an archive of arrays are taken by their path, with or without parameters', async () => {
  const root = folderOf({ 'my photos/cat/1.png': png(9, 40, 32), 'my photos/dog/1.png': png(8, 36, 32) });
  writeFileSync(
    join(root, 'x.npz'),
    npz({ images: npy('|u1', [2, 8, 8, 1], new Uint8Array(128)), labels: npy('|u1', [2], Uint8Array.of(0, 4)) }),
  );
  const photos = { ...base, dataset: `${join(root, 'my photos')} resize=32 crop=32` };
  const { suite, registry } = await resolveSuite(stringify(suiteOf(golden, { ...photos, normalization: 'none' })), 'eval');
  expect(suite.title).toBe('model on my photos');
  const options = { download: false, signal: new AbortController().signal };
  const [data] = await prepareData(suite, registry, { ...options, dataDir: dataOf(photos.dataset).folder as string });
  expect(data?.ref).toMatchObject({
    form: { shape: [32, 32, 3], classes: 2 },
    plugin: { name: 'folder', params: { folder: 'my photos', resize: 32, crop: 32, interpolation: 'bilinear' } },
    train: { selection: { from: 0, count: 0 } },
    test: { selection: { from: 0, count: 2 } },
  });
  expect(dataOf(join(root, 'x.npz'))).toEqual({ entry: { name: 'arrays', file: 'x.npz' }, title: 'x.npz', folder: root });
});

test('a path that is neither is refused, and so is one that is not there', async () => {
  const file = join(folderOf({ 'x.npy': 'x' }), 'x.npy');
  expect(() => dataOf(file)).toThrow(`expected the name of a data set, an .npz archive or a folder of images, got the file ${file}`);
  await expect(resolveSuite(stringify(suiteOf(golden, { ...base, dataset: './nowhere' })), 'eval')).rejects.toThrow(
    'unknown data set "./nowhere"',
  );
});
