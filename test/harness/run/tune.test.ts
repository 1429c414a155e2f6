/** Parameters that are chosen on the validation split, by trials of one budget. */
import { expect, test } from 'vitest';
import { chosenOf } from '../../../harness/train/tuning.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import type { CellRecord, ModelRecord, RampartRecord } from '../../../records/record.ts';
import { comparable } from '../../../records/store.ts';
import { freshFolder } from '../folders.ts';
import { refusal, suiteWith } from '../suites.ts';
import { inProcess, TINY } from './in-process.ts';
import { planFor } from './plans.ts';

const models = (records: readonly RampartRecord[]) => records.filter((r): r is ModelRecord => r.kind === 'model');

const TUNED = {
  defenses: 'defenses: [{ name: trades, steps: 1, tune: { beta: [1, 6], budget: 24 } }]',
  attacks: 'attacks: [fgsm]',
};

test('every combination is a candidate, the other parameters as given', async () => {
  const { suite } = await suiteWith({
    defenses: 'defenses: [{ name: trades, steps: 2, tune: { beta: [1, 3], step: [0.01, 0.02], budget: 900 } }]',
  });
  const { candidates, budget } = suite.defenses[0]?.tune ?? { candidates: [], budget: 0 };
  expect(budget).toBe(900);
  expect(candidates.map(({ given }) => given)).toEqual(['beta=1 step=0.01', 'beta=1 step=0.02', 'beta=3 step=0.01', 'beta=3 step=0.02']);
  expect(candidates.map(({ ref }) => ref.params)).toMatchObject([{ beta: 1, steps: 2 }, {}, { beta: 3, step: 0.01, steps: 2 }, {}]);
});

test('trials share the budget, are trained once whatever the seeds, and are not attacked', async () => {
  const { plan, registry } = await planFor({
    ...TUNED,
    seeds: 'seeds: [4, 5]',
    recipe: 'recipe: { epochs: 20, validation: 8 }',
    defenses: 'defenses: [{ name: pgd-at, tune: { steps: [1, 5], budget: 60 } }, standard]',
  });
  expect(plan.models.map((m) => m.job.name)).toEqual([
    'pgd-at (trial steps=1)',
    'pgd-at (trial steps=5)',
    'pgd-at (seed 4)',
    'pgd-at (seed 5)',
    'standard (seed 4)',
    'standard (seed 5)',
  ]);
  const plugin = registry.defense('pgd-at');
  const cost = (steps: number) => {
    const { forward, backward } = plugin.kind === 'training' ? plugin.cost(plugin.params.parse({ steps })) : { forward: 0, backward: 0 };
    return forward + backward;
  };
  const epochs = plan.models.slice(0, 2).map((m) => (m.job.origin.by === 'training' ? m.job.origin.recipe.epochs : 0));
  // each has half of the budget: a cheap one more epochs than a dear one
  expect(epochs).toEqual([Math.floor(30 / cost(1)), Math.floor(30 / cost(5))]);
  expect(epochs[0]).toBeGreaterThan(epochs[1] as number);
  const [one, other, tuned] = plan.models;
  expect([one?.job.seed, other?.job.seed, tuned?.needs]).toEqual([4, 4, [one?.id, other?.id]]);
  expect(new Set(plan.cells.map((c) => c.model.job.name))).toEqual(new Set(plan.models.slice(2).map((m) => m.job.name)));
});

test('a trial that is a model of the suite as well is trained once and attacked', async () => {
  const { plan } = await planFor({
    recipe: 'recipe: { epochs: 2, validation: 8 }',
    attacks: 'attacks: [fgsm]',
    defenses: 'defenses: [{ name: trades, label: tuned, tune: { beta: [1, 6], budget: 90000 } }, { name: trades, beta: 1 }]',
  });
  expect(plan.models.map((m) => m.job.name)).toEqual(['trades', 'tuned (trial beta=6)', 'tuned']);
  expect(plan.cells.filter((c) => c.label === 'fgsm').map((c) => c.model.job.name)).toEqual(['trades', 'tuned']);
});

test('what is chosen from is part of the key', async () => {
  const keyOf = async (tune: string) =>
    (await planFor({ ...TUNED, defenses: `defenses: [{ name: trades, ${tune} }]` })).plan.models.at(-1)?.job.key;
  const keys = await Promise.all(['tune: { beta: [1, 6], budget: 240 }', 'tune: { beta: [1, 3], budget: 240 }', 'beta: 1'].map(keyOf));
  expect(new Set(keys).size).toBe(3);
});

test.each([
  ['{ name: jpeg, tune: { quality: [1, 2], budget: 9 } }', 'only a training is tuned'],
  ['{ name: trades, tune: { beta: [1, 2] } }', 'tune.budget'],
  ['{ name: trades, tune: { beta: [1], budget: 900 } }', 'expected at least two values'],
  ['{ name: trades, tune: { beta: [1, -2], budget: 900 } }', 'tune.beta'],
  ['{ name: trades, tune: { bta: [1, 2], budget: 900 } }', 'bta'],
  ['{ name: trades, beta: 2, tune: { beta: [1, 2], budget: 900 } }', 'is given beside tune'],
  ['{ name: trades, tune: { beta: [1, 2], budget: 5 } }', '2.5 passes for each of 2 trials are less than an epoch of beta=1 takes'],
  [
    '{ name: trades, tune: { beta: [1, 2], budget: 900 } }, { name: pgd-at, tune: { steps: [1, 2], budget: 800 } }',
    'expected 900, the budget of trades',
  ],
  ['{ name: trades, recipe: { validation: 0 }, tune: { beta: [1, 2], budget: 900 } }', 'recipe.validation is 0'],
])('%s is refused', async (defense, message) => {
  expect(await refusal({ defenses: `defenses: [standard, ${defense}]` })).toContain(message);
});

/** A trial with this validation of the epoch that it kept. */
const trial = (key: string, pgd: number, clean: number, bestEpoch = 1): ModelRecord =>
  ({
    key,
    bestEpoch,
    defense: { params: { key } },
    cost: { passes: { forward: 1, backward: 1 }, wallMs: 1 },
    epochs: [
      { epoch: 0, validationClean: 0.99, validationPgd: 0.99 },
      { epoch: 1, validationClean: clean, validationPgd: pgd },
    ],
  }) as unknown as ModelRecord;

test('the best on the validation images is chosen by what it kept, and of equals the first', () => {
  const of = (trials: ModelRecord[], by?: 'clean' | 'pgd') => chosenOf(trials, by).chosen;
  const [a, b, c] = [trial('a', 0.3, 0.5), trial('b', 0.4, 0.4), trial('c', 0.4, 0.45)];
  expect([of([a, b, c]), of([c, b, a]), of([a, b, c], 'clean'), of([a, a])]).toEqual([2, 0, 0, 0]);
  expect(chosenOf([a, b]).trials).toMatchObject([{ key: 'a', params: { key: 'a' }, epochs: 2, validation: { pgd: 0.3, clean: 0.5 } }, {}]);
  expect(() => of([{ ...a, bestEpoch: 7 }])).toThrow('expected a validation');
});

test('the choice is trained in full, is what a suite that names it trains, and resumes', { timeout: 200_000 }, async () => {
  const store = new FolderStore(freshFolder());
  const { run, performed } = await inProcess(store, { ...TINY, ...TUNED });
  const { records, finished } = await run();
  expect(finished.every(({ state }) => state === 'done')).toBe(true);
  expect(performed.slice(0, 3)).toEqual(['trades (trial beta=1)', 'trades (trial beta=6)', 'trades']);
  const [one, six, tuned] = models(records) as [ModelRecord, ModelRecord, ModelRecord];
  expect(tuned.tuning).toEqual({ budget: 24, ...chosenOf([one, six]) });
  const beta = tuned.defense.params.beta;
  expect(beta).toBe([1, 6][tuned.tuning?.chosen ?? -1]);
  expect([one.defense.params.beta, six.defense.params.beta]).toEqual([1, 6]);
  expect(records.filter((r): r is CellRecord => r.kind === 'cell').every(({ model }) => model.key === tuned.key)).toBe(true);

  const named = await inProcess(new FolderStore(freshFolder()), {
    ...TINY,
    ...TUNED,
    defenses: `defenses: [{ name: trades, steps: 1, beta: ${beta} }]`,
  });
  const [given] = models((await named.run()).records) as [ModelRecord];
  expect([given.weightsHash, given.recipe, given.defense]).toEqual([tuned.weightsHash, tuned.recipe, tuned.defense]);

  const done = performed.length;
  expect((await run()).records.map(comparable)).toEqual(records.map(comparable));
  expect(performed.length).toBe(done);
});
