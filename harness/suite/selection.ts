/** Which images of a split: the first so many, a range, or a file of indices; in a suite (`train`, `test` and `n`) and after it is read. */
import { z } from 'zod';
import { RampartError } from '../../errors.ts';
import { readFileOf } from './source/files.ts';

/** More images than any published data set of images and labels that is attacked has. */
export const MOST_IMAGES = 10_000_000;

const atLeast = (fewest: number) => z.number().int().min(fewest).max(MOST_IMAGES);
const count = atLeast(1);

const rangeSchema = z.strictObject({
  from: z.number().int().min(0).max(MOST_IMAGES).default(0).describe('Index of the first image, from 0'),
  count: count.describe('How many images'),
});

const fileSchema = z.strictObject({
  indices: z
    .string()
    .min(1)
    .max(4096)
    .describe('A file with the index of every image, relative to the suite: a JSON array, or one number per line'),
});

/** As a suite says it: a number is the first so many. */
export const selectionSchema = z.union([count, rangeSchema, fileSchema]);

/** Training images may be none. */
export const trainSchema = z.union([atLeast(0), rangeSchema, fileSchema]);

export type SuiteSelection = z.infer<typeof trainSchema>;

/** Indices of images in the data set's own numbering, growing; a run of neighbours is always a range, so that equal selections are equal data. */
export type Selection = { readonly from: number; readonly count: number } | { readonly indices: readonly number[] };

export const firstImages = (count: number): Selection => ({ from: 0, count });

/** The selection of `indices`, in any order and without doubles. */
export function selectionOf(indices: readonly number[]): Selection {
  const sorted = [...indices].sort((a, b) => a - b);
  const [from = 0, to = 0] = [sorted[0], sorted.at(-1)];
  return to - from === sorted.length - 1 ? { from, count: sorted.length } : { indices: sorted };
}

/** Whether these are the images 0..n-1. */
export function startsAtZero(selection: Selection): boolean {
  return 'from' in selection && selection.from === 0;
}

export function countOf(selection: Selection): number {
  return 'indices' in selection ? selection.indices.length : selection.count;
}

/** Every index, in order. */
export function indicesIn(selection: Selection): readonly number[] {
  if ('indices' in selection) return selection.indices;
  return Array.from({ length: selection.count }, (_, i) => selection.from + i);
}

/** How many images from the start of a split hold the selection. */
export function reachOf(selection: Selection): number {
  return 'indices' in selection ? (selection.indices.at(-1) as number) + 1 : selection.from + selection.count;
}

/** Where the images of `part` are in `whole`, in order; undefined for one that is not there. */
export function placesIn(whole: Selection, part: Selection): readonly (number | undefined)[] {
  if (!('indices' in whole))
    return indicesIn(part).map((i) => (i >= whole.from && i < whole.from + whole.count ? i - whole.from : undefined));
  const places = new Map(whole.indices.map((index, place) => [index, place]));
  return indicesIn(part).map((i) => places.get(i));
}

/** The first `n` images of a selection, all where it has fewer. */
export function firstOf(whole: Selection, n: number): Selection {
  return 'indices' in whole ? selectionOf(whole.indices.slice(0, n)) : { from: whole.from, count: Math.min(n, whole.count) };
}

/** What an attack's `n` means among the test images of the suite: a number is the first so many of them. Throws when an image is not among them. */
export function attacked(test: Selection, n: number | Selection | undefined): Selection {
  if (n === undefined) return test;
  if (typeof n === 'number') {
    if (n > countOf(test)) throw new RampartError(`expected at most ${countOf(test)}, the number of test images, got ${n}`);
    return firstOf(test, n);
  }
  const outside = placesIn(test, n).indexOf(undefined);
  if (outside >= 0)
    throw new RampartError(`expected images of the suite's test selection (${shown(test)}), got image ${indicesIn(n)[outside]}`);
  return n;
}

/** `0..255`, or `40 images from 3 to 1998`. */
export function shown(selection: Selection): string {
  if ('indices' in selection) return `${selection.indices.length} images from ${selection.indices[0]} to ${selection.indices.at(-1)}`;
  return `${selection.from}..${selection.from + selection.count - 1}`;
}

/** Ten million indices of seven digits, with a comma each. */
const MOST_BYTES = 80 * 2 ** 20;

/** The indices of a file. Throws when it is no plain file of bounded size, or holds anything but whole numbers without doubles; says which, and never what else is in it. */
export function readIndices(path: string): Selection {
  const indices = parseIndices(readFileOf('indices', path, MOST_BYTES).toString(), path);
  if (indices.length === 0) throw new RampartError(`expected at least one index, got none: ${path}`);
  if (indices.length > MOST_IMAGES) throw new RampartError(`expected at most ${MOST_IMAGES} indices, got ${indices.length}: ${path}`);
  const seen = new Set<number>();
  for (const [i, index] of indices.entries()) {
    if (!(Number.isInteger(index) && index >= 0 && index < MOST_IMAGES))
      throw new RampartError(`entry ${i + 1} is no index, expected a whole number from 0: ${path}`);
    if (seen.has(index)) throw new RampartError(`entry ${i + 1}: index ${index} is there twice: ${path}`);
    seen.add(index);
  }
  return selectionOf(indices);
}

/** Entries of a JSON array, or of lines; NaN for what is no number. */
function parseIndices(text: string, path: string): number[] {
  const trimmed = text.trim();
  if (!trimmed.startsWith('['))
    return trimmed === '' ? [] : trimmed.split(/\r?\n/).map((line) => (/^\s*\d+\s*$/.test(line) ? Number(line) : Number.NaN));
  try {
    return (JSON.parse(trimmed) as unknown[]).map((value) => (typeof value === 'number' ? value : Number.NaN));
  } catch (cause) {
    throw new RampartError(`not a whole JSON array: ${path}`, { cause });
  }
}
