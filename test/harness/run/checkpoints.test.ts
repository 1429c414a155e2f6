/** Two models of one training: that of its best epoch and that of its final one. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import type { ModelRecord, RampartRecord } from '../../../records/record.ts';
import { comparable } from '../../../records/store.ts';
import { freshFolder } from '../folders.ts';
import { refusal, suiteWith } from '../suites.ts';
import { inProcess, TINY } from './in-process.ts';
import { planFor } from './plans.ts';

const BOTH = 'checkpoints: [best, last]';
const models = (records: readonly RampartRecord[]) => records.filter((r): r is ModelRecord => r.kind === 'model');

/** A training whose best epoch is not its final one, and one attack. */
const RESTLESS: Record<string, string> = {
  ...TINY,
  attacks: 'attacks: [fgsm]',
  recipe: 'recipe: { epochs: 4, validation: 8, batchSize: 20, learningRate: 0.3, schedule: { kind: constant } }',
};

test('both are planned, the final one as what the same training with keep: last is', async () => {
  const plain = { defenses: 'defenses: [trades]', attacks: 'attacks: [fgsm]' };
  const { plan } = await planFor({ ...plain, checkpoints: BOTH });
  const [best, last] = plan.models;
  expect(plan.models.map((m) => m.job.name)).toEqual(['trades', 'trades (last)']);
  expect(best?.job.key).toBe((await planFor(plain)).plan.models[0]?.job.key);
  const kept = { ...plain, defenses: 'defenses: [{ name: trades, recipe: { keep: last } }]' };
  expect(last?.job.key).toBe((await planFor(kept)).plan.models[0]?.job.key);
  expect(last?.needs).toEqual([best?.id]);
  expect(last?.work.passes).toEqual({ forward: 0, backward: 0 });
  expect(plan.cells.map((c) => `${c.label} on ${c.model.job.name}`)).toEqual([
    'clean on trades',
    'fgsm on trades',
    'clean on trades (last)',
    'fgsm on trades (last)',
  ]);
});

test('a defense has its own, and [last] alone is keep: last', async () => {
  const defenses = 'defenses: [standard, { name: trades, checkpoints: [last] }]';
  const { plan } = await planFor({ defenses, checkpoints: BOTH });
  expect(plan.models.map((m) => m.job.name)).toEqual(['standard', 'standard (last)', 'trades']);
  expect(plan.models[2]?.job.origin).toMatchObject({ recipe: { keep: 'last' } });
});

test('attacks, sources and wrappers mean both by the name of the defense, and one by its own', async () => {
  const { plan } = await planFor({
    checkpoints: BOTH,
    defenses: 'defenses: [standard, trades, { name: jpeg, around: ["trades (last)"] }, { name: bit-depth, around: [standard] }]',
    attacks: `attacks:
  - { name: fgsm, models: [trades] }
  - { name: pgd, models: ["trades (last)"] }
  - { name: transfer, sources: ["standard (last)"], models: [standard, trades] }`,
  });
  expect(plan.models.map((m) => m.job.name).slice(4)).toEqual([
    'jpeg on trades (last)',
    'bit-depth on standard',
    'bit-depth on standard (last)',
  ]);
  const on = (label: string) => plan.cells.filter((c) => c.label === label).map((c) => c.model.job.name);
  expect([on('fgsm'), on('pgd'), on('transfer')]).toEqual([['trades', 'trades (last)'], ['trades (last)'], ['trades', 'trades (last)']]);
  expect(plan.omitted).toEqual([
    'transfer on standard: it would transfer from itself',
    'transfer on standard (last): it would transfer from itself',
  ]);
});

test.each([
  [{ checkpoints: 'checkpoints: []' }, 'checkpoints: expected at least 1 entries'],
  [{ checkpoints: 'checkpoints: [best, best]' }, 'checkpoints[1]: expected every entry once'],
  [{ checkpoints: 'checkpoints: [first]' }, 'expected one of "best", "last", got "first"'],
  [{ checkpoints: BOTH, recipe: 'recipe: { keep: last, validation: 40 }' }, 'best contradicts recipe.keep, which is last'],
  [{ checkpoints: BOTH, recipe: 'recipe: { validation: 0 }' }, 'recipe.validation is 0: both would be the last one'],
  [{ defenses: 'defenses: [trades, { name: jpeg, checkpoints: [last] }]' }, 'defenses[1].checkpoints: only a training has epochs'],
  [{ attacks: 'attacks: [{ name: fgsm, models: ["trades (last)"] }]' }, 'unknown model of this suite "trades (last)"'],
  [{ defenses: 'defenses: [trades, { name: trades, label: "trades (last)" }]', checkpoints: BOTH }, 'two models are named "trades (last)"'],
])('%j is refused', async (changes, message) => {
  expect(await refusal(changes as Record<string, string>)).toContain(message);
});

test('one training makes both, and the final one has the weights of the same training with keep: last', { timeout: 200_000 }, async () => {
  const store = new FolderStore(freshFolder());
  const { run, performed } = await inProcess(store, { ...RESTLESS, checkpoints: BOTH });
  const { records, finished } = await run();
  expect(performed).toEqual(['standard', 'clean', 'clean', 'fgsm', 'fgsm']);
  expect(finished.map(({ state }) => state)).toEqual(new Array(6).fill('done'));
  const [best, last] = models(records) as [ModelRecord, ModelRecord];
  expect(best.bestEpoch).toBeLessThan(3);
  expect([last.name, last.bestEpoch, last.recipe.keep]).toEqual(['standard (last)', undefined, 'last']);
  expect(last.weightsHash).not.toBe(best.weightsHash);

  const alone = async (keep: string) => {
    const recipe = RESTLESS.recipe?.replace('{', `{ keep: ${keep},`) as string;
    const other = await inProcess(new FolderStore(freshFolder()), { ...RESTLESS, recipe });
    return models((await other.run()).records)[0] as ModelRecord;
  };
  const named = (record: ModelRecord, name: string) => comparable({ ...record, name });
  expect(comparable(best)).toEqual(comparable(await alone('best')));
  expect(comparable(last)).toEqual(named(await alone('last'), 'standard (last)'));

  // weights that are lost are made again, by the training of that model alone
  rmSync(join(store.place, 'artifacts', last.weightsHash));
  const again = await run();
  expect(performed.slice(5)).toEqual(['standard (last)']);
  expect(again.records.map(comparable)).toEqual(records.map(comparable));
  rmSync(join(store.place, 'models', best.key, 'record.json'));
  expect((await run()).records.map(comparable)).toEqual(records.map(comparable));
  expect(performed.slice(6)).toEqual(['standard']);
});

test('a folder that has the one is asked for the other alone', { timeout: 200_000 }, async () => {
  const store = new FolderStore(freshFolder());
  const one = await inProcess(store, RESTLESS);
  await one.run();
  const both = await inProcess(store, { ...RESTLESS, checkpoints: BOTH });
  await both.run();
  expect(both.performed).toEqual(['standard (last)', 'clean', 'fgsm']);
  const back = await inProcess(store, RESTLESS);
  await back.run();
  expect(back.performed).toEqual([]);
});

test('a suite says which it has', async () => {
  const { suite } = await suiteWith({ defenses: 'defenses: [trades, jpeg]' });
  expect(suite.defenses.map((d) => d.checkpoints)).toEqual([['best'], []]);
});
