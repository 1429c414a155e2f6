import { expect, test } from 'vitest';
import { canonical, digest, slug, uniqueSlugs } from '../../records/slug.ts';

test('a slug is lower case letters, digits and single hyphens, without accents and without hyphens at its ends', () => {
  expect(slug(' PGD-AT  (é, β=6) ')).toBe('pgd-at-e-6');
  expect(slug('--a__b--')).toBe('a-b');
});

test('a slug has at most 40 characters, and none of them is a hyphen left over at the cut', () => {
  expect(slug('a'.repeat(50))).toBe('a'.repeat(40));
  expect(slug(`${'a'.repeat(39)} b`)).toBe('a'.repeat(39));
});

test('a text of which nothing is left is x', () => {
  expect(slug('مرحبا')).toBe('x');
  expect(slug('')).toBe('x');
});

test('texts with a slug of their own keep it; those that share one get a piece of the hash of their identity', () => {
  expect(uniqueSlugs(['TRADES', 'trades!', 'MART'], ['a', 'b', 'c'])).toEqual([
    `trades-${digest('a', 8)}`,
    `trades-${digest('b', 8)}`,
    'mart',
  ]);
});

test('a digest is the start of the SHA-256', () => {
  expect(digest('abc', 8)).toBe('ba7816bf');
});

test('canonical text has the keys of every object in order, in lists and inside one another', () => {
  expect(canonical({ b: [{ d: 1, c: null }], a: { y: 'é"', x: true } })).toBe('{"a":{"x":true,"y":"é\\""},"b":[{"c":null,"d":1}]}');
  expect(canonical([])).toBe('[]');
  expect(canonical(undefined)).toBe('null');
});
