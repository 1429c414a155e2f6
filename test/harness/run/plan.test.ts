import { expect, test } from 'vitest';
import { engineIdentity } from '../../../harness/job/engine.ts';
import { drawsOf, trainingDrawsOf } from '../../../harness/job/job.ts';
import { type Plan, priorities } from '../../../harness/run/plan.ts';
import { cpuIdentity, planFor } from './plans.ts';

const epsOf = ({ threat }: Plan['cells'][number]) => ('eps' in threat ? threat.eps : undefined);
const modelNames = (plan: Plan) => plan.models.map((m) => m.job.name);
const cellNames = (plan: Plan) => plan.cells.map((c) => `${c.label} ${epsOf(c)} on ${c.model.job.name}`);
const keysOf = (plan: Plan) => plan.models.map((m) => m.job.key);
const firstCell = (plan: Plan, weights = 'w') =>
  plan.cells[1]?.job(
    () => weights,
    (id) => id,
  );

test('every model gets its clean accuracy and every attack', async () => {
  const { plan } = await planFor({ threats: 'threats: [{ norm: Linf, eps: 0.1 }]' });
  expect(modelNames(plan)).toEqual(['standard', 'trades']);
  expect(cellNames(plan)).toEqual([
    'clean 0.1 on standard',
    'fgsm 0.1 on standard',
    'pgd 0.1 on standard',
    'clean 0.1 on trades',
    'fgsm 0.1 on trades',
    'pgd 0.1 on trades',
  ]);
});

test('names say architecture and seed only where a suite has several', async () => {
  const { plan } = await planFor({
    defenses: 'defenses: [trades]',
    architectures: 'architectures: [cnn-small, resnet-tiny]',
    seeds: 'seeds: [0, 1]',
  });
  expect(modelNames(plan)).toEqual([
    'trades cnn-small (seed 0)',
    'trades cnn-small (seed 1)',
    'trades resnet-tiny (seed 0)',
    'trades resnet-tiny (seed 1)',
  ]);
});

test('a wrapper goes around trained models and shares their weights', async () => {
  const { plan } = await planFor({ defenses: 'defenses: [standard, jpeg]' });
  const [base, wrapped] = plan.models;
  expect(wrapped?.job.name).toBe('jpeg on standard');
  expect(wrapped?.job.origin).toMatchObject({ by: 'wrapper', base: base?.job.key });
  expect(wrapped?.needs).toEqual([base?.id]);
});

test('radii run from small to large, each needing the one before', async () => {
  const { plan } = await planFor({
    threats: 'threats: [{ norm: Linf, eps: [0.2, 0.1] }]',
    defenses: 'defenses: [standard]',
    attacks: 'attacks: [fgsm]',
  });
  const [clean, small, large] = plan.cells;
  expect(cellNames(plan)).toEqual(['clean 0.2 on standard', 'fgsm 0.1 on standard', 'fgsm 0.2 on standard']);
  expect(small?.needs).toEqual([plan.models[0]?.id, clean?.id]);
  expect(large?.needs).toEqual([plan.models[0]?.id, clean?.id, small?.id]);
});

test('a transfer attack needs its source and is left out on the source itself', async () => {
  const { plan } = await planFor({ attacks: 'attacks: [{ name: transfer, sources: [standard] }]', seeds: 'seeds: [0, 1]' });
  const transfers = plan.cells.filter((c) => c.label === 'transfer');
  expect(transfers.map((c) => c.model.job.name)).toEqual(['trades (seed 0)', 'trades (seed 1)']);
  const source = transfers[1]?.job(
    () => 'w',
    () => 'k',
  ).sources[0];
  expect(source).toMatchObject({ alias: 'standard', name: 'standard (seed 1)' });
  expect(plan.omitted).toEqual([
    'transfer on standard (seed 0): it would transfer from itself',
    'transfer on standard (seed 1): it would transfer from itself',
  ]);
});

test('a transfer comes from the model of the same architecture and seed, else from one of the same architecture', async () => {
  const { plan } = await planFor({
    attacks: 'attacks: [{ name: transfer, sources: [standard] }]',
    architectures: 'architectures: [cnn-small, resnet-tiny]',
    seeds: 'seeds: [0, 1]',
  });
  const sources = plan.cells.flatMap((cell) => {
    const { label, model } = cell;
    const job = cell.job(
      () => 'w',
      () => 'k',
    );
    return label === 'transfer' ? [[model.job.name, ...job.sources.map(({ name }) => name)]] : [];
  });
  expect(sources).toEqual(
    ['cnn-small (seed 0)', 'cnn-small (seed 1)', 'resnet-tiny (seed 0)', 'resnet-tiny (seed 1)'].map((on) => [
      `trades ${on}`,
      `standard ${on}`,
    ]),
  );
});

test('a source that is trained on one architecture or seed alone is that of every target', async () => {
  const { plan } = await planFor({
    defenses: 'defenses: [{ name: standard, architectures: [resnet-tiny] }, trades]',
    attacks: 'attacks: [{ name: transfer, sources: [standard], models: [trades] }]',
    architectures: 'architectures: [cnn-small, resnet-tiny]',
    seeds: 'seeds: [0, 1]',
  });
  const names = new Map(plan.models.map((m) => [m.id, m.job.name]));
  const transfers = plan.cells.filter((c) => c.label === 'transfer');
  expect(transfers.map((c) => [c.model.job.name, names.get(c.needs[1] ?? '')])).toEqual([
    ['trades cnn-small (seed 0)', 'standard resnet-tiny (seed 0)'],
    ['trades cnn-small (seed 1)', 'standard resnet-tiny (seed 1)'],
    ['trades resnet-tiny (seed 0)', 'standard resnet-tiny (seed 0)'],
    ['trades resnet-tiny (seed 1)', 'standard resnet-tiny (seed 1)'],
  ]);
});

const TWO = 'datasets: [{ name: shapes, label: ours, train: 300 }, { name: shapes, label: theirs, seed: 1, train: 300 }]';

test('a transfer comes from the model that is trained on the same data', async () => {
  const { plan } = await planFor({ datasets: TWO, attacks: 'attacks: [{ name: transfer, sources: [standard], models: [trades] }]' });
  const dataOf = new Map(plan.models.map((m) => [m.id, m.job.data.label]));
  const transfers = plan.cells.filter((c) => c.label === 'transfer');
  expect(transfers.map((c) => [c.model.job.data.label, dataOf.get(c.needs[1] ?? '')])).toEqual([
    ['ours', 'ours'],
    ['theirs', 'theirs'],
  ]);
});

test('a pretrained model classifies the data set that it names, and no other', async () => {
  const golden = new URL('../../golden/model.safetensors', import.meta.url).pathname;
  const { plan } = await planFor({
    datasets: TWO,
    defenses: 'defenses: [standard]',
    models: `models: [{ name: given, weights: ${golden}, arch: resnet-tiny, dataset: theirs }]`,
  });
  const given = plan.models.filter((m) => m.job.name === 'given');
  expect(given.map((m) => m.job.data.label)).toEqual(['theirs']);
});

test('an attack on fewer images has fewer', async () => {
  const { plan } = await planFor({ attacks: 'attacks: [{ name: pgd, n: 10 }, fgsm]' });
  expect(plan.cells.slice(0, 3).map((c) => c.n)).toEqual([40, 10, 40]);
});

test('passes of a training are those of its images, epochs and validations', async () => {
  const { plan } = await planFor({
    defenses: 'defenses: [standard]',
    recipe: 'recipe: { epochs: 3, validation: 50, validateEvery: 2, batchSize: 64 }',
  });
  // 250 images x 3 epochs x 1 pass, and 2 validations of 50 images: clean, FGSM and PGD-10
  expect(plan.models[0]?.work.passes).toEqual({ forward: 750 + 100 * 15, backward: 750 + 100 * 11 });
});

test('passes of an ensemble are those of its members together', async () => {
  const { plan } = await planFor({
    attacks: 'attacks: [{ name: autoattack, n: 1 }, { name: apgd-ce, n: 1 }, { name: square, n: 1 }]',
    defenses: 'defenses: [standard]',
  });
  const forward = (label: string) => plan.cells.find((c) => c.label === label)?.work.passes.forward ?? 0;
  expect(forward('autoattack')).toBeGreaterThan(forward('apgd-ce') + forward('square'));
});

test('what has most work behind it comes first', async () => {
  const { plan } = await planFor({ defenses: 'defenses: [standard, trades]' });
  const weight = priorities(plan);
  const of = (name: string) => weight.get(plan.models.find((m) => m.job.name === name)?.id ?? '') ?? 0;
  expect(of('trades')).toBeGreaterThan(of('standard'));
  const cells = plan.cells.filter((c) => c.model.job.name === 'standard').map((c) => weight.get(c.id) ?? 0);
  expect(of('standard')).toBeGreaterThan(Math.max(...cells));
});

test('names and labels are no part of the identity', async () => {
  const { plan } = await planFor();
  const { plan: renamed } = await planFor({ defenses: 'defenses: [{ name: standard, label: none }, trades]' });
  expect(keysOf(renamed)).toEqual(keysOf(plan));
});

test('parameters, recipe, seed, training data and engine are each part of the identity of a model', async () => {
  const { plan } = await planFor();
  const others = await Promise.all([
    planFor({ recipe: 'recipe: { epochs: 2, validation: 40, batchSize: 32 }' }),
    planFor({ seeds: 'seeds: [1]' }),
    planFor({ threats: 'threats: [{ norm: Linf, eps: 4/255 }]' }),
    planFor({ architectures: 'architectures: [resnet-tiny]' }),
    planFor({}, { train: 'other' }),
    planFor({}, {}, { ...cpuIdentity, name: 'wasm' }),
    planFor({}, {}, { ...cpuIdentity, version: '1' }),
    planFor({}, {}, { ...cpuIdentity, device: 'cuda' }),
    planFor({}, {}, { ...cpuIdentity, threads: 2 }),
  ]);
  const keys = [plan, ...others.map((o) => o.plan)].map((p) => p.models[0]?.job.key);
  expect(new Set(keys).size).toBe(keys.length);
});

test('which GPU it is, and the threads beside it, are no part of an identity', async () => {
  const on = (device: string, threads: number) => engineIdentity({ name: 'torch', version: '2', device, threads });
  expect(on('cuda:1', 4)).toEqual(on('cuda:0', 1));
  expect(on('cpu', 4)).not.toEqual(on('cpu', 1));
  const [one, other] = await Promise.all([planFor({}, {}, on('cuda:0', 1)), planFor({}, {}, on('cuda:1', 4))]);
  expect(keysOf(other.plan)).toEqual(keysOf(one.plan));
});

test('more test images do not train a model again', async () => {
  const { plan } = await planFor();
  const { plan: more } = await planFor({ datasets: 'datasets: [{ name: shapes, train: 300, test: 80 }]' }, { test: 'other' });
  expect(keysOf(more)).toEqual(keysOf(plan));
  expect(firstCell(more)?.key).not.toBe(firstCell(plan)?.key);
});

test('the weights are part of the identity of a cell', async () => {
  const { plan } = await planFor();
  expect(firstCell(plan, 'these')?.key).not.toBe(firstCell(plan, 'those')?.key);
});

test('two engines draw the same random numbers', async () => {
  const { plan } = await planFor();
  const { plan: other } = await planFor({}, {}, { ...cpuIdentity, name: 'wasm' });
  const draws = (p: Plan) => [
    ...p.models.map((m) => trainingDrawsOf(m.job)),
    ...p.cells.map((c) =>
      drawsOf(
        c.job(
          () => 'w',
          () => 'k',
        ),
      ),
    ),
  ];
  expect(draws(other)).toEqual(draws(plan));
});

test('a training draws its weights from data, architecture and seed, its batches from data and seed', async () => {
  const { plan } = await planFor();
  const draws = (p: Plan) => trainingDrawsOf((p.models[0] as Plan['models'][number]).job);
  const first = draws(plan);
  const changes: Record<string, string>[] = [
    { defenses: 'defenses: [{ name: pgd-at, steps: 3 }]' },
    { recipe: 'recipe: { epochs: 4, keep: last, validateEvery: 2, validation: 40 }' },
    { threats: 'threats: [{ norm: Linf, eps: 4/255 }]' },
  ];
  for (const change of changes) expect(draws((await planFor(change)).plan)).toEqual(first);
  const other = draws((await planFor({ architectures: 'architectures: [resnet-tiny]' })).plan);
  expect(other).toEqual({ ...first, weights: other.weights });
  expect(other.weights).not.toBe(first.weights);
  const seeded = draws((await planFor({ seeds: 'seeds: [7]' })).plan);
  for (const stream of ['weights', 'order', 'noise'] as const) expect(seeded[stream]).not.toBe(first[stream]);
  expect(new Set(Object.values(first)).size).toBe(3);
});

test('two models of the same name are refused', async () => {
  const golden = new URL('../../golden/model.safetensors', import.meta.url).pathname;
  await expect(
    planFor({
      defenses: 'defenses: [standard, { name: jpeg, label: x }]',
      models: `models: [{ name: x on standard, weights: ${golden}, arch: resnet-tiny }]`,
    }),
  ).rejects.toThrow('two models are named "x on standard": it is there twice; give one of them another name');
});

test('a defense can be kept to some architectures of the suite', async () => {
  const { plan } = await planFor({
    defenses: 'defenses: [trades, { name: standard, label: source, architectures: [resnet-tiny] }]',
    architectures: 'architectures: [cnn-small, resnet-tiny]',
  });
  expect(modelNames(plan)).toEqual(['trades cnn-small', 'trades resnet-tiny', 'source resnet-tiny']);
});

test('an attack can be kept to some models', async () => {
  const { plan } = await planFor({ attacks: 'attacks: [fgsm, { name: pgd, models: [trades] }]' });
  expect(cellNames(plan).filter((name) => name.startsWith('pgd'))).toEqual([expect.stringContaining('on trades')]);
  expect(cellNames(plan).filter((name) => name.startsWith('fgsm'))).toHaveLength(2);
});

test('a wrapper`s method and parameters, and what it is around, are parts of its model`s key', async () => {
  const keyOf = async (defenses: string, name: string) => {
    const { plan } = await planFor({ defenses: `defenses: [${defenses}]` });
    return plan.models.find((m) => m.job.name === name)?.job.key;
  };
  const keys = await Promise.all([
    keyOf('standard, { name: bit-depth, bits: 3 }', 'bit-depth on standard'),
    keyOf('standard, { name: bit-depth, bits: 4 }', 'bit-depth on standard'),
    keyOf('standard, jpeg', 'jpeg on standard'),
    keyOf('trades, { name: bit-depth, bits: 3 }', 'bit-depth on trades'),
  ]);
  expect(keys.every((key) => key !== undefined)).toBe(true);
  expect(new Set(keys).size).toBe(4);
});

test('an attack without a radius has one cell, beside the main radius, and so has what transfers from it', async () => {
  const { plan } = await planFor({
    threats: 'threats: [{ norm: Linf, eps: [0.01, 0.02, 0.03], main: 0.02 }]',
    attacks: `attacks:
  - fgsm
  - cw-inf-unbounded
  - { name: transfer, sources: [standard], attack: { name: cw-inf-unbounded }, models: [trades] }`,
  });
  const radii = (label: string) => plan.cells.filter((c) => c.label === label && c.model.job.name === 'trades').map(epsOf);
  expect([radii('fgsm'), radii('cw-inf-unbounded'), radii('transfer')]).toEqual([[0.01, 0.02, 0.03], [0.02], [0.02]]);
});
