/** Every plug-in that a run may name: the tables of this package and the files that a suite lists under `plugins`. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { attacks, ensembles } from '../../attacks/index.ts';
import { type AnyAttack, type Inner, innerOf } from '../../attacks/members.ts';
import type { DatasetPlugin } from '../../datasets/dataset.ts';
import { datasets } from '../../datasets/index.ts';
import type { DefensePlugin } from '../../defenses/defense.ts';
import { defenses } from '../../defenses/index.ts';
import { RampartError, unknownName } from '../../errors.ts';
import type { Architecture, ArchitecturePlugin } from '../../models/architecture.ts';
import { architecture, architectures, findArchitecture, namesOf } from '../../models/index.ts';
import { paperSchema } from '../../records/record.ts';
import type { NormName } from '../../tensor/norms/index.ts';
import { importPlugin, type Part } from './plugin-file.ts';
import { standInArchitecture, standInAttack, standInDataset, standInDefense } from './stand-ins.ts';

type Plugin = AnyAttack | DefensePlugin | DatasetPlugin | ArchitecturePlugin;

/** What a job needs to say which architecture it means: its name with all parameters that the name does not imply. `source` as for a plug-in. */
export interface ArchRef {
  readonly name: string;
  readonly version: number;
  readonly source?: string;
}

/** What a job needs to say which plug-in it means. `source` is the SHA-256 of the file, for one from outside this package. */
export interface PluginRef {
  readonly name: string;
  readonly version: number;
  /** Every parameter, given and defaulted. */
  readonly params: Record<string, unknown>;
  readonly source?: string;
  /** The attack that its parameter `attack` names. */
  readonly inner?: Omit<PluginRef, 'params' | 'inner'>;
}

export class Registry {
  readonly attacks = new Map<string, AnyAttack>();
  readonly defenses = new Map<string, DefensePlugin>();
  readonly datasets = new Map<string, DatasetPlugin>();
  readonly architectures = new Map<string, ArchitecturePlugin>();
  /** Files of plug-ins that were not loaded: what no table names may be theirs. */
  readonly unloaded: readonly string[];
  /** The parts of every plug-in file that was loaded, the file itself first. */
  readonly loaded: (readonly Part[])[] = [];
  readonly #sources = new Map<Plugin, string>();
  readonly #standIns = new Map<Plugin, string>();
  #handedOutForeign = false;

  constructor(unloaded: readonly string[] = []) {
    this.unloaded = unloaded;
    for (const plugin of [...attacks, ...ensembles]) this.attacks.set(plugin.name, plugin);
    for (const plugin of defenses) this.defenses.set(plugin.name, plugin);
    for (const plugin of datasets) this.datasets.set(plugin.name, plugin);
    for (const plugin of architectures) this.architectures.set(plugin.name, plugin);
  }

  /** Adds a plug-in from `file`. A name that is taken, or a value that is no plug-in, is an error. */
  add(value: unknown, file: string, source: string): void {
    const plugin = asPlugin(value, file);
    const table = this.#tableOf(plugin);
    const taken = 'graph' in plugin ? this.#takenOf(plugin) : table.has(plugin.name) ? plugin.name : undefined;
    if (taken !== undefined)
      throw new RampartError(`[plugin ${file}] the name "${taken}" is taken by another plug-in`, { remedy: 'give it another name' });
    table.set(plugin.name, plugin);
    this.#sources.set(plugin, source);
  }

  attack(name: string): AnyAttack {
    return this.#handOut(this.#find(this.attacks, 'attack', name, standInAttack));
  }
  defense(name: string): DefensePlugin {
    return this.#handOut(this.#find(this.defenses, 'defense', name, standInDefense));
  }
  dataset(name: string): DatasetPlugin {
    return this.#handOut(this.#find(this.datasets, 'data set', name, standInDataset));
  }
  /** The architecture of a name with its parameters, `wrn-34-20` or `preact-resnet-18 shortcut=raw`. */
  architecture(text: string): Architecture {
    const found = findArchitecture(text, this.families);
    const standIn = () => this.#find(this.architectures, 'architecture', text.trim().split(/\s+/)[0] ?? '', standInArchitecture);
    const arch = found ?? architecture(text, this.unloaded.length === 0 ? this.families : [standIn()]);
    this.#handOut(arch.plugin);
    return arch;
  }
  /** Every family of architectures. */
  get families(): ArchitecturePlugin[] {
    return [...this.architectures.values()];
  }

  /** Whether a plug-in only stands in the place of one that was not loaded. */
  isStandIn(plugin: Plugin): boolean {
    return this.#standIns.has(plugin);
  }
  /** What was asked for and is in no table: `attack mine`. */
  get unknown(): string[] {
    return [...new Set(this.#standIns.values())];
  }

  #find<P extends Plugin>(table: ReadonlyMap<string, P>, kind: string, name: string, standIn: (name: string) => P): P {
    const found = table.get(name);
    if (found) return found;
    if (this.unloaded.length === 0) throw unknownName(kind, name, [...table.keys()]);
    const plugin = standIn(name);
    this.#standIns.set(plugin, `${kind} ${name}`);
    return plugin;
  }

  /** Whether a plug-in from outside this package was asked for: what it may have left in this process is not known. */
  get handedOutForeign(): boolean {
    return this.#handedOutForeign;
  }

  #handOut<P extends Plugin>(plugin: P): P {
    this.#handedOutForeign ||= this.#sources.has(plugin);
    return plugin;
  }

  /** Identity of a plug-in with parameters that its schema has parsed. */
  ref(plugin: Plugin, params: unknown): PluginRef {
    const source = this.#sources.get(plugin);
    const ref = { name: plugin.name, version: plugin.version, params: (params ?? {}) as Record<string, unknown> };
    const inner = this.innerOf(plugin, params)?.plugin;
    const innerSource = inner && this.#sources.get(inner);
    return {
      ...ref,
      ...(source !== undefined && { source }),
      ...(inner && { inner: { name: inner.name, version: inner.version, ...(innerSource !== undefined && { source: innerSource }) } }),
    };
  }

  /** The attack that an attack's parameter `attack` names. Throws where there is none such. */
  innerOf(plugin: Plugin, params: unknown): Inner | undefined {
    return 'access' in plugin ? innerOf(plugin, params, (name) => this.attack(name)) : undefined;
  }

  /** Whether what an attack with these parameters returns is kept inside of the ball; an ensemble's is. */
  isBounded({ name, params }: PluginRef): boolean {
    const plugin = this.attack(name);
    const all = [plugin, this.innerOf(plugin, params)?.plugin];
    return all.every((one) => !(one && 'bounded' in one && one.bounded === false));
  }

  /** The norms in which an attack with these parameters can run. */
  normsOf({ name, params }: PluginRef): readonly NormName[] {
    const plugin = this.attack(name);
    const inner = this.innerOf(plugin, params)?.plugin;
    return inner ? plugin.norms.filter((norm) => inner.norms.includes(norm)) : plugin.norms;
  }

  /** An architecture as jobs and keys name it. */
  archRef(text: string): ArchRef {
    const { name, version, plugin } = this.architecture(text);
    const source = this.#sources.get(plugin);
    return source === undefined ? { name, version } : { name, version, source };
  }

  /** A name of a family that one before it has already: it would never be found. */
  #takenOf(plugin: ArchitecturePlugin): string | undefined {
    const families = this.families;
    const names = [plugin.name, ...namesOf([plugin])];
    return (
      names.find((name) => findArchitecture(name, families)) ??
      families.flatMap((f) => [f.name, ...namesOf([f])]).find((name) => findArchitecture(name, [plugin]))
    );
  }

  #tableOf(plugin: Plugin): Map<string, Plugin> {
    if ('load' in plugin) return this.datasets as Map<string, Plugin>;
    if ('graph' in plugin) return this.architectures as Map<string, Plugin>;
    return ('kind' in plugin ? this.defenses : this.attacks) as Map<string, Plugin>;
  }
}

/** Whether the plug-in file at an absolute path may be executed. */
export type MayLoad = (path: string) => boolean;

/** Is told of a file, by its place in the list, that cannot be loaded. */
export type Refused = (index: number, error: RampartError) => void;

const thrown: Refused = (_index, error) => {
  throw error;
};

/** The tables of this package and every default export of `files` (one plug-in or a list of them) that may be loaded. The first that cannot be is thrown as an error, unless `refused` is told. */
export async function loadRegistry(files: readonly string[], mayLoad: MayLoad = () => true, refused: Refused = thrown): Promise<Registry> {
  const paths = files.map((file) => resolve(file));
  const registry = new Registry(paths.filter((path) => !mayLoad(path)));
  for (const [i, path] of paths.entries()) {
    if (registry.unloaded.includes(path)) continue;
    try {
      await loadInto(registry, path);
    } catch (error) {
      if (!(error instanceof RampartError)) throw error;
      refused(i, error);
    }
  }
  return registry;
}

async function loadInto(registry: Registry, path: string): Promise<void> {
  const { exported, parts, source } = await importPlugin(path);
  for (const value of Array.isArray(exported) ? exported : [exported]) registry.add(value, path, source);
  registry.loaded.push(parts);
}

const REQUIRED = {
  dataset: ['name', 'title', 'source', 'version', 'params', 'load', 'check'],
  architecture: ['name', 'title', 'paper', 'version', 'params', 'members', 'graph'],
  training: ['name', 'title', 'paper', 'version', 'params', 'cost', 'create'],
  wrapper: ['name', 'title', 'paper', 'version', 'params', 'apply'],
  ensemble: ['name', 'title', 'paper', 'version', 'access', 'norms', 'params', 'members'],
  attack: ['name', 'title', 'paper', 'version', 'access', 'norms', 'params', 'cost', 'create'],
} as const;

/** References go into records as they are. */
function checkReferences(value: object, file: string): void {
  if (!('references' in value)) return;
  const { error } = z.array(paperSchema).safeParse(value.references);
  if (error) throw new RampartError(`[plugin ${file}] references are not as they must be:\n${z.prettifyError(error)}`);
}

function kindOf(value: object): string {
  if ('load' in value) return 'dataset';
  if ('graph' in value) return 'architecture';
  if ('kind' in value) return value.kind as string;
  return 'members' in value ? 'ensemble' : 'attack';
}

/** Says what is missing rather than failing later in a worker. */
function asPlugin(value: unknown, file: string): Plugin {
  if (value === null || typeof value !== 'object')
    throw new RampartError(`[plugin ${file}] expected a plug-in as the default export, got ${value === undefined ? 'none' : typeof value}`);
  const kind = kindOf(value);
  if (!Object.hasOwn(REQUIRED, kind))
    throw new RampartError(`[plugin ${file}] expected kind "training" or "wrapper", got ${JSON.stringify(kind)}`);
  const missing = REQUIRED[kind as keyof typeof REQUIRED].filter((key) => !(key in value));
  if (missing.length > 0) throw new RampartError(`[plugin ${file}] the ${kind} plug-in lacks ${missing.join(', ')}`);
  checkReferences(value, file);
  return value as Plugin;
}
