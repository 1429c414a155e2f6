/** What is packed comes out as it went in, in few bytes; what was not packed so is refused. */
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packBits, packNumbers, unpackBits, unpackNumbers } from '../../../records/packed/numbers.ts';
import { Rng } from '../../../tensor/rng.ts';

const bytesOf = (text: string) => Buffer.from(text, 'base64').length;
const deflated = (bytes: Uint8Array) => deflateRawSync(bytes).toString('base64');

test('any finite numbers come out to the bit, whatever their unit', () => {
  const number = fc.oneof(
    fc.double({ noNaN: true }),
    fc.nat(2 ** 31),
    fc.integer({ min: 0, max: 10 ** 6 }).map((k) => k / 10 ** 6),
  );
  fc.assert(
    fc.property(fc.array(number, { maxLength: 40 }), fc.constantFrom(0, 4, 6), (values, digits) => {
      expect(unpackNumbers(packNumbers(values, digits), values.length, digits)).toEqual(values);
    }),
    { seed: 1 },
  );
});

test('numbers take the bytes that the largest needs', () => {
  const rng = new Rng('numbers');
  const random = (most: number) => Array.from({ length: 4000 }, () => rng.int(most));
  const perNumber = (values: number[], digits = 0) => bytesOf(packNumbers(values, digits)) / values.length;
  expect(perNumber(random(256))).toBeLessThan(1.01);
  expect(perNumber([...random(256), 256])).toBeGreaterThan(1.01);
  expect(perNumber(random(65536))).toBeLessThan(2.01);
  expect(perNumber([...random(65536), 65536])).toBeGreaterThan(2.1);
  expect(
    perNumber(
      random(1_000_000).map((k) => k / 1e6),
      6,
    ),
  ).toBeLessThan(4.01);
  // all at the radius but those that were wrong at first
  expect(
    perNumber(
      random(10).map((k) => (k === 0 ? 0 : 0.1)),
      6,
    ),
  ).toBeLessThan(0.2);
});

test('outcomes are a bit each', () => {
  const rng = new Rng('outcomes');
  const text = Array.from({ length: 1003 }, () => rng.int(2)).join('');
  const packed = packBits(text) as string;
  expect(bytesOf(packed)).toBeLessThan(140);
  expect(unpackBits(packed, 1003)).toBe(text);
  // 0b00000101
  expect(unpackBits(deflated(Uint8Array.of(5)), 3)).toBe('101');
  expect(packBits('0120')).toBeUndefined();
});

test.each([
  ['no base64 of anything', '%%%'],
  ['bytes that are not deflated', Buffer.from('plain').toString('base64')],
  ['a number too few', packNumbers([1, 2], 0)],
  ['a number too many', packNumbers([1, 2, 3, 4], 0)],
])('%s is refused', (_what, text) => {
  expect(() => unpackNumbers(text, 3, 0)).toThrow(/expected (3 numbers|deflated bytes)/);
});

test('bits beyond the last image are refused', () => {
  expect(() => unpackBits(deflated(Uint8Array.of(0b1101)), 3)).toThrow('expected 3 bits');
  expect(() => unpackBits(deflated(Uint8Array.of(5, 0)), 3)).toThrow('expected deflated bytes');
});

test('a text that would unpack to more than was asked for is not unpacked', () => {
  const bomb = deflated(new Uint8Array(64 * 2 ** 20));
  expect(bomb.length).toBeLessThan(100_000);
  const begin = process.memoryUsage().arrayBuffers;
  expect(() => unpackNumbers(bomb, 10, 0)).toThrow('at most 80');
  expect(process.memoryUsage().arrayBuffers - begin).toBeLessThan(2 ** 20);
});
