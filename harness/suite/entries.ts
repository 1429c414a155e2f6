/** What the entries of a suite's lists are called, and the keys that they may have. */
import { z } from 'zod';
import type { AttackPlugin, Threat } from '../../attacks/attack.ts';
import { type AnyAttack, innerOf, type Lookup } from '../../attacks/members.ts';
import { RampartError } from '../../errors.ts';
import type { NormName } from '../../tensor/norms/index.ts';
import { unholdable } from './limits.ts';
import { MOST_FLOAT } from './most.ts';
import type { Recipe } from './recipe.ts';
import { type SuiteSelection, selectionSchema, shown } from './selection.ts';
import { type Path, type Problem, problemsOf } from './source/problems.ts';

/** An entry with its parameters still unchecked. */
export type Entry = { name: string; label?: string } & Record<string, unknown>;

/** Changes to a recipe. */
export type Changes = Record<string, unknown>;

/** The keys of a defense's entry that are no parameters. */
export interface DefenseKeys {
  threat?: Threat;
  recipe?: Changes;
  recipes?: Record<string, Changes>;
  checkpoints?: Recipe['keep'][];
  around?: string[];
  tune?: Record<string, unknown[]> & { budget: number };
  architectures?: string[];
}

/** The same of an attack's. */
export interface AttackKeys {
  n?: SuiteSelection;
  repeat?: number;
  budget?: number;
  norms?: NormName[];
  models?: string[];
}

/** Labels: the given one, else the name, with the given parameters where a name is there more than once: `trades beta=3`. */
export function labelsOf(entries: readonly Entry[], reserved: readonly string[]): string[] {
  return entries.map((entry) => {
    if (entry.label !== undefined) return entry.label;
    if (entries.filter((other) => other.name === entry.name && other.label === undefined).length === 1) return entry.name;
    const given = Object.entries(entry).filter(([key]) => !reserved.includes(key) || key === 'n');
    return [entry.name, ...given.map(([key, value]) => `${key}=${brief(value)}`)].join(' ');
  });
}

/** Every combination of values of `tune`, the last key running fastest, and each in words. */
export function combinations({ budget: _, ...lists }: Record<string, unknown>): { values: Record<string, unknown>; given: string }[] {
  const all = Object.entries(lists as Record<string, unknown[]>).reduce<Record<string, unknown>[]>(
    (done, [key, values]) => done.flatMap((so) => values.map((value) => ({ ...so, [key]: value }))),
    [{}],
  );
  return all.map((values) => ({
    values,
    given: Object.entries(values)
      .map(([key, value]) => `${key}=${brief(value)}`)
      .join(' '),
  }));
}

function brief(value: unknown): string {
  const selection = selectionSchema.safeParse(value);
  if (selection.success && typeof selection.data === 'object')
    return 'indices' in selection.data ? selection.data.indices : shown(selection.data);
  if (typeof value === 'number') return String(Number(value.toPrecision(4)));
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Parameters that were parsed, or what is wrong with them. */
export interface Parsed {
  readonly data: object | undefined;
  readonly problems: readonly Problem[];
}

/** Parameters as the schema of a plug-in parses them, and what of them does not fit it; keys in `reserved` are the suite's. */
export function parsedParams(schema: z.ZodType, given: Record<string, unknown>, path: Path, reserved: readonly string[]): Parsed {
  const { success, data, error } = schema.safeParse(given);
  const keysAt = (at: Path) => [...keysOf(schema, at), ...(at.length === 0 ? reserved : [])];
  const beyond = unholdable(data).map(({ path: at, value }) => ({
    path: [...path, ...at],
    message: `expected at most ${MOST_FLOAT}, the largest float32, got ${value}`,
  }));
  const problems = success ? beyond : problemsOf(error.issues, given, path, keysAt);
  return { data: success ? ((data ?? {}) as object) : undefined, problems };
}

/** Parsed parameters of an attack with those of the attack that they name, which is at `path`, parsed too. */
export function withInner(plugin: AnyAttack, params: object, path: Path, lookup: Lookup): Parsed {
  try {
    const inner = innerOf(plugin, params, lookup);
    if (!inner) return { data: params, problems: [] };
    const { data, problems } = parsedParams(inner.plugin.params, inner.given, path, ['name']);
    return { data: data && { ...params, attack: { name: inner.plugin.name, ...data } }, problems };
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    return { data: undefined, problems: [{ path: [...path, 'name'], message: error.message }] };
  }
}

/** A transfer attack names the models it transfers from in its parameter `source` or `sources`. */
export function sourcesOf(access: AttackPlugin['access'], params: Record<string, unknown>): string[] {
  if (access !== 'transfer') return [];
  return [params.source, params.sources].flat().filter((name) => typeof name === 'string');
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
