import { expect, test } from 'vitest';
import { FIGURES, type Figure } from '../../datasets/figures.ts';
import { dataset, datasets } from '../../datasets/index.ts';
import { shapes } from '../../datasets/shapes.ts';
import { hashOf, pixelsOf } from './files.ts';
import { nearestMean } from './nearest-mean.ts';

const load = (train: number, test: number, seed = 0) => shapes.load({ seed }, { dataDir: '', download: false, limit: { train, test } });

test('the bytes are the same on every machine', async () => {
  expect(await hashOf(await load(60, 40))).toBe('c06371f71c381eebe307fa6e00dd49508ee893325072f5edb566eabecab27564');
});

test('an image depends on seed, split and index alone', async () => {
  const [few, more] = [await load(3, 5), await load(20, 20)];
  expect(await more.train.read([0, 1, 2])).toEqual(await pixelsOf(few.train));
  expect(await more.test.read([0, 1, 2, 3, 4])).toEqual(await pixelsOf(few.test));
  expect(await more.test.read([0])).not.toEqual(await more.train.read([0]));
  expect(await pixelsOf((await load(3, 5, 1)).train)).not.toEqual(await pixelsOf(few.train));
});

test('every class comes equally often, in order', async () => {
  const { train, classNames } = await load(30, 0);
  expect([...train.labels]).toEqual(Array.from({ length: 30 }, (_, i) => i % 10));
  expect(classNames).toEqual(['disc', 'ring', 'square', 'triangle', 'cross', 'star', 'heart', 'crescent', 'arrow', 'hourglass']);
});

test('there are 10,000 and 2,000 images at most', async () => {
  const { train, test } = await load(1, 5000);
  expect([train.n, test.n, (await pixelsOf(test)).length]).toEqual([1, 2000, 2000 * 3072]);
});

test('mean and deviation are those of the pixels to 0.01', async () => {
  const { train, mean, std } = await load(1500, 0);
  const pixels = await pixelsOf(train);
  for (let c = 0; c < 3; c++) {
    const values = Float64Array.from({ length: train.n * 1024 }, (_, p) => (pixels[3 * p + c] as number) / 255);
    const m = values.reduce((a, b) => a + b) / values.length;
    expect(Math.abs(m - (mean[c] as number))).toBeLessThan(0.01);
    expect(Math.abs(Math.sqrt(values.reduce((a, v) => a + (v - m) ** 2, 0) / values.length) - (std[c] as number))).toBeLessThan(0.01);
  }
});

test('colour gives the class away to nobody: the mean image of a class is no classifier', async () => {
  const { train, test } = await load(500, 300);
  expect(await nearestMean(train, test, 10)).toBeLessThan(0.3);
});

/** The part of [-1,1] by [-1,1] that is inside, times 4: counted on a fine grid. */
function area(inside: (x: number, y: number) => boolean): number {
  const steps = 400;
  let hits = 0;
  for (let i = 0; i < steps; i++) for (let j = 0; j < steps; j++) if (inside((2 * i + 1) / steps - 1, (2 * j + 1) / steps - 1)) hits++;
  return (4 * hits) / steps ** 2;
}

test.each([
  ['disc', Math.PI * 0.85 ** 2],
  ['ring', Math.PI * (0.95 ** 2 - 0.55 ** 2)],
  ['square', 1.5 ** 2],
  ['triangle', (1.9 * 1.75) / 2],
  ['cross', 4 * 0.6 - 0.6 ** 2],
  ['arrow', (1.7 * 0.9) / 2 + 0.6 * 1.05],
  ['hourglass', (1.6 + 0.24) * 0.95],
])('the %s has the area that its corners give', (name, want) => {
  const inside = FIGURES.find(([n]) => n === name)?.[1];
  expect(area(inside as Figure)).toBeCloseTo(want, 1);
});

test('an aborted load stops', async () => {
  const signal = AbortSignal.abort(new Error('stopped'));
  await expect(shapes.load({ seed: 0 }, { dataDir: '', download: false, signal })).rejects.toThrow('stopped');
});

test('it is usable anywhere', async () => {
  expect(await shapes.check({ dataDir: '/nowhere', download: false })).toEqual({ usable: true, detail: 'generated here, no files' });
});

test('the table finds data sets by name and names the nearest', () => {
  // one that `rampart new dataset` adds comes behind them
  expect(datasets.map((d) => d.name).slice(0, 11)).toEqual([
    'shapes',
    'cifar10',
    'cifar100',
    'mnist',
    'fashion-mnist',
    'cifar10-c',
    'cifar100-c',
    'imagenet',
    'tiny-imagenet',
    'arrays',
    'folder',
  ]);
  expect(dataset('cifar10').classes).toBe(10);
  expect(() => dataset('cifar-10')).toThrow('unknown data set "cifar-10"; did you mean "cifar10"? known: shapes, cifar10');
});

test('an unknown parameter is refused', () => {
  expect(() => shapes.params.parse({ size: 64 })).toThrow();
  expect(shapes.params.parse({})).toEqual({ seed: 0 });
});
