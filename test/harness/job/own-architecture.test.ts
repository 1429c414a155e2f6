/** An architecture from a suite's `plugins`: trained, imported, attacked and keyed as those of this package. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveSuite } from '../../../harness/suite/read.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import type { ModelRecord } from '../../../records/record.ts';
import { freshFolder } from '../folders.ts';
import { inProcess, TINY } from '../run/in-process.ts';
import { planFor } from '../run/plans.ts';
import { refusal, suiteText, suiteWith } from '../suites.ts';

/** A strided convolution and a linear layer; `own-4` has 4 channels. */
const OWN = `import { activate, defineArchitecture, GraphBuilder } from 'rampart';
import { z } from 'zod';
export default defineArchitecture({
  name: 'own',
  title: 'One convolution',
  paper: '',
  version: 1,
  params: z.strictObject({ width: z.number().int().min(1).max(64).default(8), fn: z.enum(['relu', 'silu']).default('relu') }),
  members: { 'own-8': 32 },
  parse(name) {
    const [, width] = /^own-(\\d+)$/.exec(name) ?? [];
    return width === undefined ? undefined : { width: Number(width) };
  },
  nameOf: ({ width }) => 'own-' + width,
  graph({ width, fn }, setup) {
    const g = new GraphBuilder();
    const x = g.normalize(0, setup.mean, setup.std);
    const y = activate(g, g.conv(x, 'conv', setup.inputShape[2], width, 4, 4, { pad: 0, bias: true }), fn);
    return g.finish(g.globalAvgPool(y), 'head', width, setup);
  },
});
`;

function file(text = OWN): string {
  const path = join(freshFolder(), 'own.ts');
  writeFileSync(path, text);
  return path;
}

test('it is trained, saved, taken as the weights of a pretrained model, and attacked', async () => {
  const plugins = `plugins: [${file()}]`;
  const store = new FolderStore(freshFolder());
  const first = await inProcess(store, {
    ...TINY,
    plugins,
    recipe: 'recipe: { epochs: 1, validation: 8, batchSize: 20 }',
    architectures: 'architectures: [own-4]',
    attacks: 'attacks: [fgsm]',
  });
  const { records } = await first.run();
  expect(records.map((r) => r.status)).toEqual(['done', 'done', 'done']);
  const trained = records[0] as ModelRecord;
  // 4x4x3 to 4 channels with bias, and 4 features to the classes
  expect(trained.arch).toMatchObject({
    name: 'own-4',
    version: 1,
    parameters: 48 * 4 + 4 + 4 * trained.dataset.classNames.length + trained.dataset.classNames.length,
  });

  const second = await inProcess(new FolderStore(freshFolder()), {
    ...TINY,
    plugins,
    architectures: '',
    recipe: '',
    defenses: '',
    models: `models: [{ name: theirs, weights: ${join(store.place, 'artifacts', trained.weightsHash)}, arch: own-4, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }]`,
    attacks: 'attacks: [fgsm]',
  });
  expect((await second.run()).records.map((r) => r.status)).toEqual(['done', 'done', 'done']);
});

test('its content is part of the key of every model of it, and of no other', async () => {
  const keys = async (text: string) => {
    const { plan } = await planFor({
      plugins: `plugins: [${file(text)}]`,
      architectures: 'architectures: [cnn-small, own-4]',
      defenses: 'defenses: [standard]',
    });
    return Object.fromEntries(plan.models.map(({ job }) => [job.arch.name, job]));
  };
  const [one, other, builtIn] = [
    await keys(OWN),
    await keys(`// changed\n${OWN}`),
    (await planFor({ defenses: 'defenses: [standard]' })).plan.models[0],
  ];
  expect(one['own-4']?.arch.source).toMatch(/^[0-9a-f]{64}$/);
  expect(one['own-4']?.key).not.toBe(other['own-4']?.key);
  expect(one['cnn-small']?.key).toBe(builtIn?.job.key);
});

test('its parameters and its names are checked as those of others', async () => {
  const plugins = `plugins: [${file()}]`;
  const { suite } = await suiteWith({ plugins, architectures: 'architectures: [own, own-4 fn=silu]' });
  expect(suite.architectures).toEqual(['own-8', 'own-4 fn=silu']);
  expect(await refusal({ plugins, architectures: 'architectures: [own-400]' })).toContain('[architecture own-400] width: Too big');
  expect(await refusal({ plugins, architectures: 'architectures: [owm-8]' })).toContain(
    'unknown architecture "owm-8"; did you mean "own-8"?',
  );
});

test.each([
  ['a family of this package', "name: 'own'", "name: 'wrn-16-8'", 'wrn-16-8'],
  ['a member that a family of this package has', "'own-8': 32", "'resnet18': 32", 'resnet18'],
  ['every name', '/^own-', '/^[a-z]+-?(?:[a-z]*-)*', 'resnet-18'],
])('a plug-in that would take the name of another is refused: %s', async (_what, from, to, name) => {
  expect(await refusal({ plugins: `plugins: [${file(OWN.replace(from, to))}]` })).toMatch(
    new RegExp(`the name "${name}" is taken by another plug-in`),
  );
});

test('where its file was not loaded, what names it is left unchecked', async () => {
  const text = suiteText({ plugins: `plugins: [${file()}]`, architectures: 'architectures: [own-4]' });
  const { registry } = await resolveSuite(text, 'small.yml', () => false);
  expect(registry.unknown).toEqual(['architecture own-4']);
});
