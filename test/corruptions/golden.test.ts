/** Every corruption against the code that made CIFAR-10-C, given the same draws: `test/golden/README.md`. */
import { expect, test } from 'vitest';
import { SEVERITIES } from '../../corruptions/corruption.ts';
import { corruption, corruptions } from '../../corruptions/index.ts';
import { Rng } from '../../tensor/rng.ts';
import { goldenEntries } from '../golden.ts';
import { images } from './images.ts';

const golden = goldenEntries('corruptions');
const IMAGES = 2;
const SIZE = 32 * 32 * 3;

test('the golden vectors are of every corruption that is here', () => {
  expect([...golden.keys()].sort()).toEqual(corruptions.map(({ name }) => name).sort());
});

test.each(corruptions.map(({ name }) => name))('%s gives the bytes of the authors’ code at every severity', (name) => {
  const { data = [], shape } = golden.get(name) ?? {};
  expect(shape).toEqual([SEVERITIES.length, IMAGES, 32, 32, 3]);
  for (const severity of SEVERITIES)
    images(IMAGES).forEach((image, i) => {
      const ours = corruption(name).apply(image, severity, new Rng(`corruption/${name}/${severity}/${i}`));
      const from = ((severity - 1) * IMAGES + i) * SIZE;
      expect(
        Buffer.from(ours).equals(Buffer.from(Uint8Array.from(data.slice(from, from + SIZE)))),
        `severity ${severity}, image ${i}`,
      ).toBe(true);
    });
});
