/** What the entries of a suite's lists are called, and the keys that they may have. */
import { z } from 'zod';
import { selectionSchema, shown } from './selection.ts';
import type { Path } from './source/problems.ts';

/** An entry with its parameters still unchecked. */
export type Entry = { name: string; label?: string } & Record<string, unknown>;

/** Labels: the given one, else the name, with the given parameters where a name is there more than once: `trades beta=3`. */
export function labelsOf(entries: readonly Entry[], reserved: readonly string[]): string[] {
  return entries.map((entry) => {
    if (entry.label !== undefined) return entry.label;
    if (entries.filter((other) => other.name === entry.name && other.label === undefined).length === 1) return entry.name;
    const given = Object.entries(entry).filter(([key]) => !reserved.includes(key) || key === 'n');
    return [entry.name, ...given.map(([key, value]) => `${key}=${brief(value)}`)].join(' ');
  });
}

function brief(value: unknown): string {
  const selection = selectionSchema.safeParse(value);
  if (selection.success && typeof selection.data === 'object')
    return 'indices' in selection.data ? selection.data.indices : shown(selection.data);
  if (typeof value === 'number') return String(Number(value.toPrecision(4)));
  return typeof value === 'string' ? value : JSON.stringify(value);
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

/** The keys that an object at `path` of a schema's input may have. */
export function keysOf(schema: z.ZodType, path: Path): string[] {
  let here: JsonSchema[] = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema];
  const branches = (s: JsonSchema): JsonSchema[] => [s, ...[...(s.anyOf ?? []), ...(s.oneOf ?? [])].flatMap(branches)];
  for (const part of path) here = here.flatMap(branches).flatMap((s) => (typeof part === 'number' ? s.items : s.properties?.[part]) ?? []);
  return [...new Set(here.flatMap(branches).flatMap((s) => Object.keys(s.properties ?? {})))];
}
