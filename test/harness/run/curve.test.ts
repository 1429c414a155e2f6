/** A few epochs of every training as models of their own: what each would be, had training ended there. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderStore } from '../../../records/folder-store.ts';
import type { ModelRecord, RampartRecord } from '../../../records/record.ts';
import { comparable } from '../../../records/store.ts';
import { freshFolder } from '../folders.ts';
import { refusal } from '../suites.ts';
import { inProcess, TINY } from './in-process.ts';
import { planFor } from './plans.ts';

const models = (records: readonly RampartRecord[]) => records.filter((r): r is ModelRecord => r.kind === 'model');

/** A training whose best epoch is not its final one. */
const RESTLESS: Record<string, string> = {
  ...TINY,
  attacks: 'attacks: [fgsm]',
  recipe: 'recipe: { epochs: 4, validation: 8, batchSize: 20, learningRate: 0.3, schedule: { kind: constant } }',
};
const CURVE = 'curve: { points: 4, attacks: [fgsm], n: 6 }';

test('points are planned as what the same training with until is, and put to the attacks of the curve alone', async () => {
  const plain = {
    threats: 'threats: [{ norm: Linf, eps: [0.02, 0.05, 0.1], main: 0.05 }]',
    defenses: 'defenses: [trades, jpeg]',
    attacks: 'attacks: [fgsm, { name: pgd, n: 8 }]',
    recipe: 'recipe: { epochs: 4, validation: 8 }',
    checkpoints: 'checkpoints: [best, last]',
  };
  const { plan } = await planFor({ ...plain, curve: 'curve: { points: 2, attacks: [pgd], n: 6 }' });
  const before = (await planFor(plain)).plan;
  expect(plan.models.map((m) => m.job.name)).toEqual([
    'trades',
    'trades (last)',
    'trades (50 %)',
    'jpeg on trades',
    'jpeg on trades (last)',
  ]);
  const [kept, , point] = plan.models;
  expect(kept?.job.key).toBe(before.models[0]?.job.key);
  expect(point?.needs).toEqual([kept?.id]);
  expect(point?.work.passes).toEqual({ forward: 0, backward: 0 });
  const ended = { ...plain, defenses: 'defenses: [{ name: trades, recipe: { until: 0.5 } }]' };
  expect(point?.job.key).toBe((await planFor(ended)).plan.models[0]?.job.key);
  const of = (name: string, cells = plan.cells) =>
    cells.filter((c) => c.model.job.name === name).map((c) => `${c.label} ${'eps' in c.threat ? c.threat.eps : ''} ${c.n}`);
  expect(of('trades (50 %)')).toEqual([expect.stringMatching(/^clean/), 'pgd 0.05 6']);
  expect(of('trades')).toEqual(of('trades', before.cells));
});

test('an attack that is not for a defense is not for its points', async () => {
  const { plan } = await planFor({
    defenses: 'defenses: [standard, trades]',
    attacks: 'attacks: [{ name: fgsm, models: [trades] }]',
    recipe: 'recipe: { epochs: 4, validation: 8 }',
    curve: 'curve: { points: 2, attacks: [fgsm] }',
  });
  expect(plan.cells.filter((c) => c.label === 'fgsm').map((c) => c.model.job.name)).toEqual(['trades', 'trades (50 %)']);
});

test.each([
  [{ curve: 'curve: { points: 1, attacks: [pgd] }' }, 'curve.points'],
  [{ curve: 'curve: { points: 2, attacks: [] }' }, 'curve.attacks: expected at least 1 entries'],
  [{ curve: 'curve: { points: 2, attacks: [gpd] }', attacks: 'attacks: [pgd]' }, 'unknown attack of this suite "gpd"; did you mean "pgd"?'],
  [
    { curve: 'curve: { points: 5, attacks: [pgd] }', attacks: 'attacks: [pgd]', recipe: 'recipe: { epochs: 4 }' },
    'curve.points: expected at most 4, the epochs of',
  ],
  [{ recipe: 'recipe: { until: 1 }' }, 'recipe.until'],
  [
    {
      defenses: 'defenses: [trades, { name: trades, label: "trades (50 %)" }]',
      curve: 'curve: { points: 2, attacks: [fgsm] }',
      attacks: 'attacks: [fgsm]',
    },
    'two models are named "trades (50 %)"',
  ],
])('%j is refused', async (changes, message) => {
  expect(await refusal(changes as Record<string, string>)).toContain(message);
});

test('one training makes all points, each as the training that ends there makes it', { timeout: 200_000 }, async () => {
  const store = new FolderStore(freshFolder());
  const { run, performed } = await inProcess(store, { ...RESTLESS, curve: CURVE });
  const { records, finished } = await run();
  expect(performed.filter((what) => what.startsWith('standard'))).toEqual(['standard']);
  expect(finished.every(({ state }) => state === 'done')).toBe(true);
  const [kept, ...points] = models(records) as [ModelRecord, ...ModelRecord[]];
  expect(points.map((p) => [p.name, p.recipe.until, p.epochs.length])).toEqual([
    ['standard (25 %)', 0.25, 1],
    ['standard (50 %)', 0.5, 2],
    ['standard (75 %)', 0.75, 3],
  ]);
  const passes = [...points, kept].map(({ cost }) => cost.passes.forward + cost.passes.backward);
  expect(passes.map((p) => p / (passes[0] as number))).toEqual([1, 2, 3, 4]);

  for (const part of [0.25, 0.75]) {
    const recipe = RESTLESS.recipe?.replace('{', `{ until: ${part},`) as string;
    const alone = models((await (await inProcess(new FolderStore(freshFolder()), { ...RESTLESS, recipe })).run()).records)[0];
    const point = points.find((p) => p.recipe.until === part) as ModelRecord;
    expect(comparable(point)).toEqual(comparable({ ...(alone as ModelRecord), name: point.name }));
  }

  // weights that are lost are made again, by the training that ends there
  const [point] = points as [ModelRecord];
  rmSync(join(store.place, 'artifacts', point.weightsHash));
  const done = performed.length;
  const again = await run();
  expect(performed.slice(done)).toEqual(['standard (25 %)']);
  expect(again.records.map(comparable)).toEqual(records.map(comparable));
});
