import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { suiteOf } from '../../cli/commands/eval.ts';
import { resolveSuite } from '../../harness/suite/read.ts';
import { writeSafetensors } from '../../models/safetensors.ts';
import { freshFolder } from '../harness/folders.ts';

const golden = fileURLToPath(new URL('../golden/model.safetensors', import.meta.url));
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

test.each([
  [{ ...base, arch: undefined }, '[eval] --arch is missing, such as --arch wrn-28-10'],
  [{ ...base, threat: 'Linf' }, '[--threat] expected norm:radius such as Linf:8/255, got "Linf"'],
  [{ ...base, threat: 'Linf:8/0' }, '[--threat] expected norm:radius'],
  [{ ...base, mean: '0.5,x' }, '[--mean] expected numbers with commas, got "0.5,x"'],
])('%j is refused', (options, message) => {
  expect(() => suiteOf(golden, options)).toThrow(message);
});

test('what a suite refuses, eval refuses', async () => {
  const refused = (options: object) => resolveSuite(stringify(suiteOf(golden, { ...base, ...options })), 'eval');
  await expect(refused({ arch: 'resnet-18' })).rejects.toThrow(/models\[0\]\.weights: .*its names are those of resnet-tiny/);
  await expect(refused({ threat: 'L3:1' })).rejects.toThrow('threats[0].norm');
  await expect(refused({ normalization: 'none', mean: '0,0,0', std: '1,1,1' })).rejects.toThrow(
    'says that there is none, but mean or std is given too',
  );
});
