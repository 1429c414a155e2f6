import { expect, test } from 'vitest';
import { canonicalJson, keyOf, sha256 } from '../../records/hash.ts';

test('canonical JSON has keys in order at every depth, lists as they are, and no undefined members', () => {
  const value = { b: [{ z: 1, a: null }, 2], a: { d: undefined, c: 'x' } };
  expect(canonicalJson(value)).toBe('{"a":{"c":"x"},"b":[{"a":null,"z":1},2]}');
});

test('the order in which keys were set is no part of a key', () => {
  expect(keyOf({ a: 1, b: { c: 2, d: 3 } })).toBe(keyOf({ b: { d: 3, c: 2 }, a: 1 }));
  expect(keyOf([1, 2])).not.toBe(keyOf([2, 1]));
});

test('a key is the first 24 hex digits of the SHA-256 of the canonical JSON', () => {
  expect(keyOf('abc')).toBe(sha256('"abc"').slice(0, 24));
  expect(keyOf('abc')).toHaveLength(24);
});

test('the hash of parts is that of the whole', () => {
  expect(sha256('a', Buffer.from('bc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
