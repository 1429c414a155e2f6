/** `rampart ls`: every plug-in with its parameters and their defaults, read from the schemas. */
import { z } from 'zod';
import { engines } from '../../engines/index.ts';
import { unknownName } from '../../errors.ts';
import { recipeSchema } from '../../harness/suite/recipe.ts';
import { Registry } from '../../harness/suite/registry.ts';
import { multiplyAdds } from '../../models/graph/graph.ts';
import { parametersOf as parametersOfNode } from '../../models/graph/parameters.ts';
import { architecture, architectures } from '../../models/index.ts';
import { compact, parameter } from '../../reports/formats/format.ts';
import type { RawOptions } from '../options.ts';
import { bold, dim, printBlock, printJson, table } from '../output.ts';

interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly default: unknown;
  readonly description: string;
}

interface Entry {
  readonly name: string;
  readonly title: string;
  /** Norms, kind, shape or size. */
  readonly about: string;
  readonly source: string;
  readonly params: readonly Parameter[];
}

interface JsonProperty {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonProperty[];
  oneOf?: JsonProperty[];
  items?: JsonProperty;
  default?: unknown;
  description?: string;
  properties?: Record<string, JsonProperty>;
}

/** The parameters of a schema as its JSON Schema tells them. */
export function parametersOf(schema: z.ZodType): Parameter[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonProperty;
  return Object.entries(properties).map(([name, p]) => ({ name, type: typeOf(p), default: p.default, description: p.description ?? '' }));
}

function typeOf(p: JsonProperty): string {
  if (p.const !== undefined) return JSON.stringify(p.const);
  if (p.enum) return p.enum.map((v) => String(v)).join(' | ');
  const branches = p.anyOf ?? p.oneOf;
  if (branches) return [...new Set(branches.map(typeOf))].join(' | ');
  if (p.type === 'array') return `list of ${p.items ? typeOf(p.items) : 'values'}`;
  if (p.properties?.kind?.const !== undefined) return `{ kind: ${String(p.properties.kind.const)}, ... }`;
  return p.type ?? 'value';
}

const listings = {
  defenses: () =>
    [...new Registry().defenses.values()].map((d): Entry => {
      const norms = d.kind === 'training' && d.norms ? `, ${d.norms.join(' ')}` : '';
      const gradient = d.kind === 'wrapper' ? `, gradient ${d.gradient}${d.randomized ? ', random' : ''}` : '';
      return { name: d.name, title: d.title, about: d.kind + norms + gradient, source: d.paper, params: parametersOf(d.params) };
    }),
  attacks: () =>
    [...new Registry().attacks.values()].map((a): Entry => {
      const kind = 'members' in a ? 'ensemble' : a.access;
      return { name: a.name, title: a.title, about: `${kind}, ${a.norms.join(' ')}`, source: a.paper, params: parametersOf(a.params) };
    }),
  datasets: () =>
    [...new Registry().datasets.values()].map((d): Entry => {
      return {
        name: d.name,
        title: d.title,
        about: [d.shape?.join('x') ?? 'as its files', ...(d.classes === undefined ? [] : [`${d.classes} classes`])].join(', '),
        source: d.source,
        params: parametersOf(d.params),
      };
    }),
  models: () =>
    architectures.flatMap((a): Entry[] => {
      const family = { name: a.name, title: a.title, about: '', source: a.paper, params: parametersOf(a.params) };
      const members = Object.entries(a.members).map(([name, side]) => ({
        name,
        title: '',
        about: sizeOf(name, side),
        source: '',
        params: [],
      }));
      return members.length === 1 ? [{ ...family, about: members[0]?.about ?? '' }] : [family, ...members];
    }),
  engines: () => engines.map((e): Entry => ({ name: e.name, title: e.title, about: `rank ${e.rank}`, source: '', params: [] })),
  recipe: () => [
    {
      name: 'recipe',
      title: 'How models are trained',
      about: 'the key `recipe` of a suite',
      source: '',
      params: parametersOf(recipeSchema),
    },
  ],
};

/** The size of a member of a family, for 10 classes of images `side` high and wide. */
function sizeOf(member: string, side: number): string {
  const graph = architecture(member).graph({ inputShape: [side, side, 3], classes: 10, mean: [0, 0, 0], std: [1, 1, 1] });
  const parameters = graph.nodes.flatMap(parametersOfNode).filter((p) => p.trainable);
  const count = parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return `${compact(count)} parameters, ${compact(multiplyAdds(graph))} multiply-adds at ${side}x${side}x3`;
}

/** Lists one kind, or all of them. */
export function lsCommand(kind: string | undefined, options: RawOptions): number {
  const kinds = Object.keys(listings) as (keyof typeof listings)[];
  const alias = kind === 'data' || kind === 'datasets' ? 'datasets' : kind === 'architectures' ? 'models' : kind;
  if (alias !== undefined && !kinds.includes(alias as keyof typeof listings)) throw unknownName('list', alias, kinds);
  const wanted = alias === undefined ? kinds : [alias as keyof typeof listings];
  const found = Object.fromEntries(wanted.map((k) => [k, listings[k]()]));
  if (options.json) printJson(found);
  else for (const [name, entries] of Object.entries(found)) printBlock(listing(name, entries));
  return 0;
}

function listing(kind: string, entries: readonly Entry[]): string {
  const texts = entries.map((entry) => {
    const head = `  ${bold(entry.name)}  ${entry.title}  ${dim([entry.about, entry.source].filter(Boolean).join('; '))}`;
    const rows = entry.params.map((p) => [`      ${p.name}`, p.type, p.default === undefined ? '' : parameter(p.default), p.description]);
    return [head, ...(rows.length > 0 ? [table(['', '', '', ''], rows).split('\n').slice(1).join('\n')] : [])].join('\n');
  });
  return `${kind}\n${texts.join('\n')}\n`;
}
