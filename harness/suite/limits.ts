/** What every text, number and list of a suite keeps to, plug-ins' parameters included: beyond it lies no experiment, only a slip. */
import { z } from 'zod';

/** What a terminal or a page would obey rather than show: controls, line and paragraph separators, half characters, marks that turn text around. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

const plain = (text: string) => !UNSEEN.test(text);

/** One line of visible text. */
export const line = (most: number) => z.string().min(1).max(most).refine(plain, 'text without control characters');

/** Visible text of several lines. */
export const lines = (most: number) =>
  z
    .string()
    .max(most)
    .refine((text) => plain(text.replace(/[\r\n\t]/g, '')), 'text without control characters');

/** A name in tables. */
export const name = line(80).refine((text) => text === text.trim(), 'no space at either end');

/** A path of a file. */
export const path = line(4096);

/** A list in which nothing is there twice, of at most `most` entries. */
export function distinct<S extends z.ZodType>(entry: S, most: number) {
  return z
    .array(entry)
    .max(most)
    .superRefine((entries, context) => {
      for (const [i, value] of entries.entries())
        if (entries.indexOf(value) !== i) context.addIssue({ code: 'custom', path: [i], message: 'every entry once' });
    });
}

/** More than a machine has cores or accelerators. */
export const MOST_PROCESSORS = 1024;
/** Images of a pass: an image of 32x32x3 in float32 is 12 KB, and each of its activations more. */
export const MOST_BATCH = 65_536;
/** A timer of Node ends at once beyond 2^31 - 1 milliseconds. */
export const MOST_MINUTES = Math.floor((2 ** 31 - 1) / 60_000);
/** Largest number that a float32 holds: a larger one is infinite as soon as a tensor has it. */
export const MOST_FLOAT = 3.4028234663852886e38;
/** Passes over one image: a thousand times the most of any attack or training here. */
export const MOST_PASSES = 1e9;
/** Models of a suite. */
export const MOST_MODELS = 10_000;

/** Paths to the numbers in parsed parameters that no tensor holds. */
export function unholdable(value: unknown, path: (string | number)[] = []): { path: (string | number)[]; value: number }[] {
  if (typeof value === 'number') return Math.abs(value) <= MOST_FLOAT ? [] : [{ path, value }];
  if (value === null || typeof value !== 'object') return [];
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return entries.flatMap(([key, member]) => unholdable(member, [...path, key]));
}
