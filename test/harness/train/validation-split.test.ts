/** Which images are validated on and when, and what of it decides which weights are kept. */
import { expect, test } from 'vitest';
import type { Recipe } from '../../../harness/suite/recipe.ts';
import { decodeCheckpoint } from '../../../harness/train/checkpoint.ts';
import { train } from '../../../harness/train/train.ts';
import type { Entry } from '../../../models/safetensors.ts';
import { halves, job, memory, plain } from './training-data.ts';

/** A training whose reads of the training split are noted, by place. */
async function reads(recipe: Partial<Recipe>) {
  const dataset = halves();
  const seen: number[][] = [];
  const read: typeof dataset.train.read = (places) => {
    seen.push([...Array.from(places)]);
    return dataset.train.read(places);
  };
  const { epochs } = await train(job('standard', recipe, { dataset: { ...dataset, train: { ...dataset.train, read } } }));
  return { seen, epochs };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const sorted = (places: readonly number[]) => [...places].sort((a, b) => a - b);

test('validated are the last images of the training split, in order and in batches of the recipe', async () => {
  const { seen } = await reads({ epochs: 1, batchSize: 12, validation: 16 });
  expect(seen.map((places) => places.length)).toEqual([12, 12, 8, 12, 4]);
  expect(sorted(seen.slice(0, 3).flat())).toEqual(range(0, 32));
  expect(seen.slice(3)).toEqual([range(32, 44), range(44, 48)]);
});

test('every so many epochs, and after the last one whatever its number', async () => {
  const { epochs } = await reads({ epochs: 5, validateEvery: 2 });
  const when = epochs.flatMap(({ epoch, validationClean, validationFgsm, validationPgd }) => {
    expect(new Set([validationClean, validationFgsm, validationPgd].map((v) => v === undefined)).size).toBe(1);
    return validationClean === undefined ? [] : [epoch];
  });
  expect(when).toEqual([1, 3, 4]);
});

test('without a validation split nothing is validated, and no epoch is the best', async () => {
  const { seen, epochs } = await reads({ epochs: 2, validation: 0 });
  expect(seen.map((places) => places.length)).toEqual([16, 16, 16, 16, 16, 16]);
  expect(epochs.some((e) => e.validationClean !== undefined)).toBe(false);
  expect((await train(job('standard', { epochs: 2, validation: 0 }))).bestEpoch).toBeUndefined();
});

/** The best epoch by the log, with what decides first and what among equals; the first of those that are alike in both. */
function bestBy(epochs: Awaited<ReturnType<typeof train>>['epochs'], first: 'validationPgd' | 'validationClean'): number {
  const second = first === 'validationPgd' ? 'validationClean' : 'validationPgd';
  const order = epochs.map((e) => [e[first] ?? 0, e[second] ?? 0, -e.epoch] as const);
  const ahead = (a: (typeof order)[number], b: (typeof order)[number]) => b[0] - a[0] || b[1] - a[1] || b[2] - a[2];
  return -([...order].sort(ahead)[0]?.[2] ?? 0);
}

// the radius and the rates at which accuracies rise and fall, and are equal at several epochs
const restless = (learningRate: number): Partial<Recipe> => ({ epochs: 6, learningRate, schedule: { kind: 'constant' } });
const threat = { norm: 'Linf', eps: 0.12 } as const;

test.each([
  ['pgd-at', 'validationPgd', 0.002, { steps: 1 }],
  ['standard', 'validationClean', 0.01, {}],
] as const)('%s keeps the epoch that is best by %s, and resumes know it', async (name, by, learningRate, params) => {
  const states = memory();
  const { bestEpoch, epochs } = await train(job(name, restless(learningRate), { checkpoint: states, params, threat }));
  expect(new Set(epochs.map((e) => e[by])).size).toBeGreaterThan(1);
  expect(bestEpoch).toBe(bestBy(epochs, by));
  states.saved.forEach((state, i) => {
    expect(decodeCheckpoint(state).facts.best?.epoch).toBe(bestBy(epochs.slice(0, i + 1), by));
  });
});

test('a method that does not try to be robust keeps what is best on the images themselves, though PGD says otherwise', async () => {
  const kept = async (selectBy: 'clean' | 'pgd') => {
    const robust = job('pgd-at', restless(0.001), { params: { steps: 1 }, threat });
    return train({ ...robust, defense: { ...robust.defense, selectBy } });
  };
  const [clean, pgd] = [await kept('clean'), await kept('pgd')];
  expect(clean.epochs.map((e) => e.validationPgd)).toEqual(pgd.epochs.map((e) => e.validationPgd));
  expect([clean.bestEpoch, pgd.bestEpoch]).toEqual([bestBy(clean.epochs, 'validationClean'), bestBy(pgd.epochs, 'validationPgd')]);
  expect(clean.bestEpoch).not.toBe(pgd.bestEpoch);
});

test('where the last weights are kept no epoch is the best one', async () => {
  const states = memory();
  const { bestEpoch, network } = await train(job('standard', { epochs: 2, keep: 'last' }, { checkpoint: states }));
  expect(bestEpoch).toBeUndefined();
  const { entries } = decodeCheckpoint(states.saved.at(-1) as Uint8Array);
  expect([...entries.keys()].filter((name) => name.startsWith('best/'))).toEqual([]);
  const kept = (await network.save()).get('linear.bias')?.data;
  expect([...(kept ?? [])]).toEqual([...(entries.get('param/linear.bias')?.data ?? [])]);
});

test.each(['none', { ema: 0.5 }] as const)(
  'the weights of the final epoch beside those of the best are what keep: last keeps, averaged by %j, resumed too',
  async (averaging) => {
    const recipe = { ...restless(0.01), epochs: 3, averaging };
    const lastOf = async (at?: Uint8Array, states = memory(at)) => {
      const { last, network } = await train(job('standard', recipe, { checkpoint: states, alsoLast: true }));
      return { states, last: plain(new Map(last)), kept: plain(await network.save()) };
    };
    const wanted = await train(job('standard', { ...recipe, keep: 'last' }));
    expect(wanted.last).toBeUndefined();
    const { states, last, kept } = await lastOf();
    expect(last).toEqual(plain(await wanted.network.save()));
    expect(last).not.toEqual(kept);
    for (const state of states.saved.slice(-2)) expect((await lastOf(state)).last).toEqual(last);
  },
);

test.each(['none', { ema: 0.5 }] as const)(
  'what would be kept after a part of the epochs is what the training that ends there keeps, averaged by %j, resumed and with rare validations too',
  async (averaging) => {
    for (const validateEvery of [1, 2]) {
      const recipe = { ...restless(0.01), epochs: 4, averaging, validateEvery };
      const pointsOf = async (at?: Uint8Array, states = memory(at)) => {
        const kept: ReturnType<typeof plain>[] = [];
        const put = async (weights: ReadonlyMap<string, Entry>) => `${kept.push(plain(new Map(weights)))}`;
        const { points } = await train(job('standard', recipe, { checkpoint: states, points: { at: [0.25, 0.75], put } }));
        return { states, kept, points };
      };
      const { states, kept, points } = await pointsOf();
      for (const [i, until] of [0.25, 0.75].entries()) {
        const wanted = await train(job('standard', { ...recipe, until }));
        expect(kept[i]).toEqual(plain(await wanted.network.save()));
        expect(points[i]).toMatchObject({ until, epochs: wanted.epochs.length, flags: wanted.flags });
        expect([points[i]?.bestEpoch, points[i]?.cost.passes]).toEqual([wanted.bestEpoch, wanted.cost.passes]);
      }
      const resumed = await pointsOf(states.saved[1]);
      expect([resumed.kept, resumed.points.map((p) => p.until)]).toEqual([kept.slice(1), [0.25, 0.75]]);
    }
  },
);

test('a training that stops early has stopped at all points that it did not come to', async () => {
  const put = async () => '0';
  const recipe = { ...restless(0.01), epochs: 40, earlyStop: 1 };
  const { points, epochs } = await train(job('standard', recipe, { points: { at: [0.025, 0.9, 0.95], put } }));
  expect(epochs.length).toBeLessThan(36);
  expect(points.map((p) => p.epochs)).toEqual([1, epochs.length, epochs.length]);
  expect(points.map((p) => p.flags.map(({ name }) => name))).toEqual([[], ['early-stop'], ['early-stop']]);
});
