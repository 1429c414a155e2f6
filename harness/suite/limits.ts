/** What every text, number and list of a suite keeps to, plug-ins' parameters included: beyond it lies no experiment, only a slip. */
import { z } from 'zod';
import { MOST_FLOAT } from './most.ts';

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

/** Paths to the numbers in parsed parameters that no tensor holds. */
export function unholdable(value: unknown, path: (string | number)[] = []): { path: (string | number)[]; value: number }[] {
  if (typeof value === 'number') return Math.abs(value) <= MOST_FLOAT ? [] : [{ path, value }];
  if (value === null || typeof value !== 'object') return [];
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return entries.flatMap(([key, member]) => unholdable(member, [...path, key]));
}
