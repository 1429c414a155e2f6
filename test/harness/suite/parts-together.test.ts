/** Parts of a suite that are right by themselves and not together, each told at its line; and models that are asked where they are. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freshFolder } from '../folders.ts';
import { refusal, suiteWith } from '../suites.ts';

const golden = fileURLToPath(new URL('../../golden/model.safetensors', import.meta.url));
const theirs = `{ name: theirs, weights: ${golden}, arch: resnet-tiny, mean: [0, 0, 0], std: [1, 1, 1] }`;

test.each<[string, Record<string, string>, string]>([
  [
    'a main radius that is none of the curve',
    { threats: 'threats: [{ norm: Linf, eps: [0.02, 0.01], main: 0.5 }]' },
    'small.yml:4: threats[0].main: expected one of the radii 0.01, 0.02, got 0.5',
  ],
  [
    'a norm that no threat has',
    { attacks: 'attacks: [{ name: pgd, norms: [Linf, L2] }]' },
    'small.yml:8: attacks[0].norms: L2 is the norm of no threat of this suite (Linf)',
  ],
  [
    'a threat whose norm the attack lacks',
    { threats: 'threats: [{ norm: Linf, eps: 8/255 }, { norm: L1, eps: 3 }]', attacks: 'attacks: [pgd]' },
    'attacks[0]: pgd has no norm L1, it has Linf, L2; add norms: [Linf] to run it in those only',
  ],
  [
    'a model that the suite lacks',
    { models: `models: [${theirs}]`, attacks: 'attacks: [{ name: pgd, models: [thiers] }]' },
    'attacks[0].models: unknown model of this suite "thiers"; did you mean "theirs"? known: standard, trades, theirs',
  ],
  [
    'an architecture that cannot take the images',
    { architectures: 'architectures: [cnn-small, vit patch=5]' },
    'small.yml:5: architectures[1]: on shapes: [model vit] expected images of whole patches of 5',
  ],
  [
    'an attack of the name of no attack',
    { attacks: 'attacks: [{ name: pgd, label: clean }]' },
    'attacks[0]: the label "clean" is that of the clean accuracy',
  ],
  [
    'a path of no characters',
    { models: 'models: [{ name: a, weights: "", arch: resnet-tiny }]' },
    'expected at least 1 characters, got ""',
  ],
  ['an empty list', { threats: 'threats: []' }, 'threats: expected at least 1 entries, got []'],
  [
    'a list that is too long',
    { threats: `threats: [${Array.from({ length: 101 }, (_, i) => `{ norm: Linf, eps: ${(i + 1) / 1000} }`).join(', ')}]` },
    'threats: expected at most 100 entries, got [',
  ],
  ['no test images', { datasets: 'datasets: [{ name: shapes, test: 0 }]' }, 'datasets[0].test: expected at least 1, got 0'],
  [
    'mean without std',
    { models: `models: [${theirs.replace(', std: [1, 1, 1]', '')}]` },
    'models[0].std: is missing; mean and std go together',
  ],
  [
    'a file of logits that is not there',
    { models: `models: [${theirs.replace(' }', ', expect: { logits: /nowhere/logits.npy } }')}]` },
    'models[0].expect.logits: no such file: /nowhere/logits.npy',
  ],
  [
    'a Python file without its function',
    { models: 'models: [{ name: a, python: net.py }]' },
    'models[0].python: expected a file and the function in it that returns the module, such as my_model.py:load, got "net.py"',
  ],
  ['a function that is no name', { models: 'models: [{ name: a, python: "net.py:1st" }]' }, 'got "net.py:1st"'],
  ['a Python file that is not there', { models: 'models: [{ name: a, python: "/nowhere/net.py:load" }]' }, 'no such file: /nowhere/net.py'],
])('%s is refused', async (_, changes, message) => {
  expect(await refusal(changes)).toContain(message);
});

test('a fault of an attack that is drawn several times is told once, at its entry', async () => {
  const message = await refusal({
    threats: 'threats: [{ norm: Linf, eps: 8/255 }, { norm: L2, eps: 0.5 }]',
    attacks: 'attacks: [{ name: pgd, repeat: 2 }, { name: rays, repeat: 2 }]',
  });
  expect(message).toMatch(/^\[suite\] \S*small.yml:8: attacks\[1\]: rays has no norm L2, it has Linf; [^\n]*$/);
});

test('an attack may name a model from elsewhere, and runs in the norms that it names', async () => {
  const { suite } = await suiteWith({
    threats: 'threats: [{ norm: Linf, eps: 8/255 }, { norm: L1, eps: 3 }]',
    models: `models: [${theirs}]`,
    attacks: 'attacks: [{ name: pgd, norms: [Linf], models: [theirs] }]',
  });
  expect(suite.attacks[0]).toMatchObject({ models: ['theirs'], norms: ['Linf'] });
});

test('radii are sorted, each once, and the largest is that of training unless told', async () => {
  const radii = async (threat: string) => (await suiteWith({ threats: `threats: [${threat}]` })).suite.threats[0];
  expect(await radii('{ norm: Linf, eps: [0.03, 0.01, 0.02] }')).toEqual({ norm: 'Linf', radii: [0.01, 0.02, 0.03], main: 0.03 });
  expect(await radii('{ norm: Linf, eps: [0.03, 0.01], main: 0.01 }')).toEqual({ norm: 'Linf', radii: [0.01, 0.03], main: 0.01 });
});

test('a module in a Python of its own is known by its file, its function and how it is asked', async () => {
  const folder = freshFolder();
  writeFileSync(join(folder, 'net.py'), '');
  const of = async (keys: string) => {
    const { suite } = await suiteWith({ models: `models: [{ name: a, ${keys} }]` }, join(folder, 'small.yml'));
    return (suite.models[0] as { source?: unknown }).source;
  };
  const file = join(folder, 'net.py');
  expect(await of('python: "net.py:load"')).toEqual({
    via: 'python',
    file,
    function: 'load',
    python: 'python3',
    device: 'auto',
    timeout: 600,
  });
  expect(await of('python: "net.py:_l2", interpreter: venv/bin/python, device: "cuda:1", timeout: 9')).toEqual({
    via: 'python',
    file,
    function: '_l2',
    python: resolve(folder, 'venv/bin/python'),
    device: 'cuda:1',
    timeout: 9,
  });
});

test('one fault of the text is told alone, and of many the first eight and how many more', async () => {
  expect(await refusal({ seeds: 'seeds: [1, 2' })).not.toMatch(/ more/);
  const twice = Array.from({ length: 11 }, () => 'seeds: [1]').join('\n');
  const message = await refusal({ seeds: twice });
  expect(message.split('\n')).toHaveLength(9);
  expect(message).toMatch(/\n {2}and 2 more$/);
});
