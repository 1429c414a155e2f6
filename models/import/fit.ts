/** Tensors of a checkpoint under the names of a graph: prefixes and names of other public code are read, normalisation is found, what no forward pass reads is left out and said. */
import { RampartError } from '../../errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { Parameter } from '../graph/node.ts';
import { parametersOf } from '../graph/parameters.ts';
import type { Entry } from '../safetensors.ts';

/** Names of one public code in ours; undefined for a name that it does not have. */
export type Renaming = (name: string) => string | undefined;

export interface Fitted {
  /** Every parameter and buffer of the graph, in PyTorch's shapes. */
  readonly entries: Map<string, Entry>;
  /** Normalisation that the file states, per channel. */
  readonly normalization: { readonly mean: readonly number[]; readonly std: readonly number[] } | undefined;
  /** What was done to the names and what was left out, for people. */
  readonly notes: readonly string[];
}

export interface FitOptions {
  /** For messages. */
  readonly arch: string;
  readonly source: string;
  /** Prefixes of entries that the public code saves and its forward pass never reads. */
  readonly unread?: readonly string[];
  readonly renamings?: readonly Renaming[];
}

/** Entries named in a message. */
const NAMED = 5;

const MEAN = /(^|\.)(mu|mean)$/;
const STD = /(^|\.)(sigma|std)$/;

/** Counters of batch normalisation, and tables of places that follow from the architecture (Swin's). */
const NEVER_READ_LAST = /(?:^|\.)(num_batches_tracked|relative_position_index|attn_mask)$/;

/** Those, and heads that a training beside the classifier used (MOREL's `mod_encoder`). */
const NEVER_READ = [NEVER_READ_LAST, /(^|\.)mod_encoder\./];

type Entries = ReadonlyMap<string, Entry>;

/** How the names of a file become ours: a prefix is cut off, the rest renamed. */
interface Naming {
  readonly prefix: string;
  readonly rename: Renaming;
}

/** The naming under which most of the wanted names are found; of two that find as many, the one with the shorter prefix. */
function bestNaming(names: Iterable<string>, wanted: ReadonlySet<string>, renamings: readonly Renaming[]): Naming & { hits: number } {
  let best: Naming & { hits: number } = { prefix: '', rename: (name) => name, hits: 0 };
  for (const rename of [best.rename, ...renamings]) {
    const hits = new Map<string, number>();
    for (const name of names) {
      // every cut behind a dot may be where a name of ours begins
      for (let at = 0; at <= name.length; at = name.indexOf('.', at) + 1 || name.length + 1) {
        const ours = rename(name.slice(at));
        if (ours !== undefined && wanted.has(ours)) hits.set(name.slice(0, at), (hits.get(name.slice(0, at)) ?? 0) + 1);
      }
    }
    for (const [prefix, count] of hits)
      if (count > best.hits || (count === best.hits && prefix.length < best.prefix.length)) best = { prefix, rename, hits: count };
  }
  return best;
}

/** How alike a graph and a checkpoint are, in [0,1]: the names in both over those in either; and in `whole`, of those the ones with the same shape too. */
export function likeness(graph: Graph, entries: Entries, renamings: readonly Renaming[] = []): { names: number; whole: number } {
  const wanted = new Map(graph.nodes.flatMap(parametersOf).map((p) => [p.name, p]));
  const read = [...entries].filter(([name]) => !NEVER_READ.some((p) => p.test(name)));
  const { prefix, rename, hits } = bestNaming(
    read.map(([name]) => name),
    new Set(wanted.keys()),
    renamings,
  );
  const alike = read.filter(([name, entry]) => {
    const parameter = name.startsWith(prefix) ? wanted.get(rename(name.slice(prefix.length)) ?? '') : undefined;
    return parameter !== undefined && shaped(entry, parameter) !== undefined;
  });
  const either = wanted.size + read.length - hits;
  return { names: hits / either, whole: alike.length / either };
}

const squeezed = (shape: readonly number[]) => shape.filter((n) => n !== 1).join();

/** The entry in the shape of the parameter; undefined where it holds something else. Axes of length 1 may come and go. */
function shaped(entry: Entry, { shape }: Parameter): Entry | undefined {
  if (entry.shape.join() === shape.join()) return entry;
  return squeezed(entry.shape) === squeezed(shape) ? { shape: [...shape], data: entry.data } : undefined;
}

function normalizationIn(left: Entries, channels: number): Fitted['normalization'] {
  const find = (pattern: RegExp) => [...left].find(([name, { data }]) => pattern.test(name) && data.length === channels)?.[1].data;
  const [mean, std] = [find(MEAN), find(STD)];
  return mean && std ? { mean: [...mean], std: [...std] } : undefined;
}

const listed = (names: readonly string[]) =>
  names.length <= NAMED ? names.join('; ') : `${names.slice(0, NAMED).join('; ')}; and ${names.length - NAMED} more`;

/** Fits a checkpoint to a graph. Throws a RampartError that names at most five entries that are missing, misshapen or not known. */
export function fitEntries(graph: Graph, entries: Entries, { arch, source, unread = [], renamings = [] }: FitOptions): Fitted {
  const parameters = graph.nodes.flatMap(parametersOf);
  const wanted = new Set(parameters.map((p) => p.name));
  const { prefix, rename } = bestNaming([...entries.keys()], wanted, renamings);
  const left = new Map<string, Entry>();
  const byName = new Map<string, Entry>();
  for (const [name, entry] of entries) {
    const inner = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const ours = name.startsWith(prefix) ? rename(inner) : undefined;
    if (ours !== undefined && wanted.has(ours)) byName.set(ours, entry);
    else left.set(inner, entry);
  }
  const fitted = new Map<string, Entry>();
  const problems: string[] = [];
  for (const parameter of parameters) {
    const found = byName.get(parameter.name);
    const entry = found && shaped(found, parameter);
    if (entry) fitted.set(parameter.name, entry);
    else if (found) problems.push(`${parameter.name} is [${found.shape.join(', ')}], expected [${parameter.shape.join(', ')}]`);
    else problems.push(`missing ${parameter.name}`);
  }
  const normalization = normalizationIn(left, graph.inputShape[2]);
  const droppable = (name: string) => NEVER_READ.some((p) => p.test(name)) || unread.some((start) => name.startsWith(start));
  const dropped = [...left.keys()].filter(droppable);
  const stated = (name: string) => normalization !== undefined && (MEAN.test(name) || STD.test(name));
  problems.push(...[...left.keys()].filter((name) => !droppable(name) && !stated(name)).map((name) => `extra ${name}`));
  if (problems.length > 0) throw new RampartError(`[model ${arch}] ${source} does not fit: ${listed(problems)}`);
  return { entries: fitted, normalization, notes: notesOf(prefix, dropped, normalization) };
}

function notesOf(prefix: string, dropped: readonly string[], normalization: Fitted['normalization']): string[] {
  const kinds = [...new Set(dropped.map((name) => NEVER_READ_LAST.exec(name)?.[1] ?? `${name.split('.')[0]}.*`))];
  return [
    ...(prefix === '' ? [] : [`names without their prefix "${prefix}"`]),
    ...(kinds.length === 0
      ? []
      : [
          `left out, because no forward pass reads them: ${kinds.join(', ')} (${dropped.length === 1 ? '1 entry' : `${dropped.length} entries`})`,
        ]),
    ...(normalization
      ? [`normalisation of the file: mean ${normalization.mean.map(short).join(', ')}, std ${normalization.std.map(short).join(', ')}`]
      : []),
  ];
}

const short = (v: number) => String(Number(v.toPrecision(4)));
