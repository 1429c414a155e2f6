import { expect, test } from 'vitest';
import { writeSafetensors } from '../../../models/safetensors.ts';
import {
  exactEncoding,
  type Originals,
  parseOriginals,
  parsePoints,
  writeOriginals,
  writePoints,
} from '../../../records/published/images.ts';

const originals: Originals = {
  encoding: 'u8',
  shape: [1, 2, 1],
  pixels: Float32Array.of(0, 1, 7 / 255, 128 / 255),
  indices: [3, 70_001],
  mean: [0.5],
  std: [0.25],
};
const cell = { n: 4, outcomes: { robust: '0010', labels: [], predictions: [], distances: [] } };
const point = (encoding: 'u8' | 'f16' | 'f32', ids: number[], ...pixels: number[]) => ({
  encoding,
  ids,
  shape: [1, 1, 1] as const,
  pixels: Float32Array.from(pixels),
});

test('originals and points come out as they went in', () => {
  expect(parseOriginals(writeOriginals(originals))).toEqual(originals);
  const blocks = [point('u8', [3], 9 / 255), point('f16', [0], 0.25), point('f32', [1], 0.1)];
  expect(parsePoints(writePoints(blocks), cell)).toEqual(blocks);
  expect(parsePoints(writePoints([]), cell)).toEqual([]);
});

test('images are written in the shortest way that loses nothing', () => {
  expect(exactEncoding(Float32Array.from({ length: 256 }, (_, b) => b / 255))).toBe('u8');
  expect(exactEncoding(Float32Array.of(1 / 255, 0.25))).toBe('f32');
  expect(exactEncoding(Float32Array.of(0.5, 0.25))).toBe('f16');
  expect(exactEncoding(Float32Array.of(0.1))).toBe('f32');
});

test.each([
  ['an image that is not among those of the cell', [point('u8', [4], 0)], /image 4 is not one of the 4 that the attack broke/],
  ['one that the attack did not break', [point('f32', [2], 0)], /image 2 is not one/],
  ['the same one twice', [point('u8', [1], 0), point('f16', [1], 0)], /an image is there twice/],
  ['values outside of the box', [point('f32', [1], 1.5)], /expected values from 0 to 1/],
  ['what is no number', [point('f32', [1], Number.NaN)], /expected values from 0 to 1/],
  ['fewer images than ids', [point('f32', [0, 1], 0)], /expected 2 images/],
])('points with %s are refused', (_what, blocks, reason) => {
  expect(() => parsePoints(writePoints(blocks), cell)).toThrow(reason);
});

const one = { shape: [1], data: Float32Array.of(0) };

test.each([
  ['no images', new Map([['indices', one]]), /expected the entries/],
  [
    'another entry',
    new Map([
      ['f32', { ...one, shape: [1, 1, 1, 1] }],
      ['indices', one],
      ['x', one],
    ]),
    /expected the entries/,
  ],
  [
    'images of no shape',
    new Map([
      ['f32', one],
      ['indices', one],
    ]),
    /got the shape \[1\]/,
  ],
  [
    'two channels',
    new Map([
      ['f32', { shape: [1, 1, 1, 2], data: new Float32Array(2) }],
      ['indices', one],
    ]),
    /1 or 3 channels/,
  ],
  [
    'no mean',
    new Map([
      ['f32', { ...one, shape: [1, 1, 1, 1] }],
      ['indices', one],
    ]),
    /mean and std of 1 channels/,
  ],
])('originals with %s are refused', (_what, entries, reason) => {
  expect(() => parseOriginals(writeSafetensors(entries))).toThrow(reason);
});
