/** Reads a suite file: YAML, the schema of the suite, every plug-in's own schema, labels, and pairs that cannot go together. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { AttackPlugin, Threat } from '../../attacks/attack.ts';
import type { DefensePlugin } from '../../defenses/defense.ts';
import { nearest, RampartError } from '../../errors.ts';
import type { NormName } from '../../tensor/norms/index.ts';
import { unholdable } from './limits.ts';
import type { SuiteModel } from './models.ts';
import { MOST_FLOAT } from './most.ts';
import { modelLabelsOf, withCheckpoints } from './names.ts';
import { pairProblems } from './pairs.ts';
import { type Path, type Problem, problemsOf, refuse } from './problems.ts';
import { readModels } from './read-models.ts';
import { type Recipe, recipeSchema } from './recipe.ts';
import { loadRegistry, type MayLoad, type Registry } from './registry.ts';
import { RESERVED, type SuiteFile, suiteSchema } from './schema.ts';
import { firstImages, readIndices, type Selection, type SuiteSelection, selectionSchema, shown } from './selection.ts';
import type { Suite, SuiteAttack, SuiteDataset, SuiteDefense, SuiteThreat } from './suite.ts';
import { parseSuiteYaml, readSuiteText } from './yaml.ts';

/** The keys of a defense's entry that are no parameters. */
interface DefenseKeys {
  threat?: Threat;
  recipe?: Record<string, unknown>;
  checkpoints?: Recipe['keep'][];
  around?: string[];
  architectures?: string[];
}

/** Reads and checks a suite file; throws one error that names every problem. Plug-ins that it lists are loaded into the registry, which executes them: all, or those that `mayLoad`. */
export async function loadSuite(file: string, mayLoad?: MayLoad): Promise<{ suite: Suite; registry: Registry }> {
  return resolveSuite(readSuiteText(file), file, mayLoad);
}

/** `loadSuite` on text; `file` is for messages and relative paths. */
export async function resolveSuite(text: string, file: string, mayLoad?: MayLoad): Promise<{ suite: Suite; registry: Registry }> {
  const { source, data } = parseSuiteYaml(text, file);
  const folder = dirname(resolve(file));
  const parsed = suiteSchema.safeParse(data);
  if (!parsed.success)
    refuse(
      source,
      problemsOf(parsed.error.issues, data, [], (path) => keysOf(suiteSchema, path)),
    );
  const raw = parsed.data as SuiteFile;
  const plugins = raw.plugins.map((path) => resolve(folder, path));
  const unfit: Problem[] = [];
  const registry = await loadRegistry(plugins, mayLoad, (i, { message }) => unfit.push({ path: ['plugins', i], message }));
  // what names a plug-in that could not be loaded is no mistake of its own
  refuse(source, unfit);
  const reader = new Reader(registry, raw, data, folder);
  const suite: Suite = {
    file,
    name: raw.name,
    title: raw.title ?? raw.name,
    description: raw.description ?? '',
    plugins,
    threats: reader.threats(),
    datasets: reader.datasets(),
    architectures: reader.architectures(),
    defenses: reader.defenses(),
    models: reader.models(),
    attacks: reader.attacks(),
    seeds: raw.seeds,
    engine: raw.engine,
    keepExamples: raw.keepExamples,
    timeoutMinutes: raw.timeoutMinutes,
  };
  refuse(source, reader.problems);
  refuse(source, pairProblems(suite, registry));
  return { suite, registry };
}

type Entry = { name: string; label?: string } & Record<string, unknown>;

/** Turns the parts of a suite file into those of a suite, and collects what is wrong on the way. */
class Reader {
  readonly problems: Problem[] = [];
  readonly #registry: Registry;
  readonly #raw: SuiteFile;
  readonly #data: Record<string, unknown>;
  readonly #folder: string;

  constructor(registry: Registry, raw: SuiteFile, data: unknown, folder: string) {
    this.#registry = registry;
    this.#raw = raw;
    this.#data = data as Record<string, unknown>;
    this.#folder = folder;
  }

  threats(): SuiteThreat[] {
    return this.#raw.threats.map(({ norm, eps, main }, i) => {
      const radii = [...new Set([eps].flat())].sort((a, b) => a - b);
      if (main !== undefined && !radii.includes(main))
        this.problems.push({ path: ['threats', i, 'main'], message: `expected one of the radii ${radii.join(', ')}, got ${main}` });
      return { norm, radii, main: main ?? (radii.at(-1) as number) };
    });
  }

  datasets(): SuiteDataset[] {
    return this.#entries('datasets', this.#raw.datasets, (name) => this.#registry.dataset(name)).map(
      ({ entry, label, plugin, params, path }) => {
        const { train, test } = entry as { train?: SuiteSelection; test?: SuiteSelection };
        const select = { train: this.#selection(train, [...path, 'train']), test: this.#selection(test, [...path, 'test']) };
        return { label, ref: this.#registry.ref(plugin, params), select };
      },
    );
  }

  architectures(): readonly string[] {
    return this.#raw.architectures.map((name, i) => this.#architecture(name, ['architectures', i]));
  }

  defenses(): SuiteDefense[] {
    const found = this.#entries('defenses', this.#raw.defenses, (name) => this.#registry.defense(name));
    const made = found.map((one) => ({ ...one, ...this.#checkpoints(one) }));
    const trained = made.filter(({ plugin }) => plugin.kind === 'training').flatMap(modelLabelsOf);
    return made.map(({ entry, label, plugin, params, path, recipe, checkpoints }) => {
      const { threat, around, architectures } = entry as DefenseKeys;
      const only = architectures?.map((name) => this.#canonical(name));
      const first = this.#raw.threats[0] as SuiteFile['threats'][number];
      const main = { norm: first.norm, eps: first.main ?? Math.max(...[first.eps].flat()) };
      if (around && plugin.kind === 'training' && !this.#registry.isStandIn(plugin))
        this.problems.push({ path: [...path, 'around'], message: `only a wrapper goes around others; ${plugin.name} is trained` });
      for (const [j, other] of (around ?? []).entries())
        if (!trained.includes(other)) this.#unknown([...path, 'around', j], 'trained defense', other, trained);
      const inSuite = this.#raw.architectures.map((name) => this.#canonical(name));
      for (const [j, arch] of (only ?? []).entries())
        if (!inSuite.includes(arch)) this.#unknown([...path, 'architectures', j], 'architecture of this suite', arch, inSuite);
      return {
        label,
        kind: plugin.kind,
        ref: this.#registry.ref(plugin, params),
        // a ball is written without its kind, so that keys do not depend on whether the suite spells it out
        threat: threat ? { norm: threat.norm, eps: threat.eps } : main,
        recipe,
        checkpoints,
        architectures: only ?? inSuite,
        around: plugin.kind === 'wrapper' ? (around ?? trained) : [],
      };
    });
  }

  models(): SuiteModel[] {
    const labels = this.#raw.datasets.map((entry) => (entry as Entry).label ?? (entry as Entry).name);
    return readModels(this.#raw.models, {
      folder: this.#folder,
      labels,
      problem: (path, message) => void this.problems.push({ path, message }),
      architecture: (name, path) => this.#architecture(name, path),
      unknownDataset: (path, name) => this.#unknown(path, 'data set of this suite', name, labels),
    });
  }

  attacks(): SuiteAttack[] {
    return this.#entries('attacks', this.#raw.attacks, (name) => this.#registry.attack(name)).map(
      ({ entry, label, plugin, params, path }) => {
        const { n: given, norms, models } = entry as { n?: SuiteSelection; norms?: NormName[]; models?: string[] };
        const n = typeof given === 'number' ? given : this.#selection(given, [...path, 'n']);
        const ref = this.#registry.ref(plugin, params);
        const inSuite = [...new Set(this.#raw.threats.map((t) => t.norm))];
        return { label, ref, access: plugin.access, n, norms: norms ?? inSuite, models, sources: sourcesOf(plugin.access, ref.params) };
      },
    );
  }

  /** Entries of a list with their plug-in, checked parameters and label; those with problems are left out. */
  #entries<P extends { name: string; params: z.ZodType }>(
    list: keyof typeof RESERVED,
    entries: readonly unknown[],
    lookup: (name: string) => P,
  ): { entry: Entry; label: string; plugin: P; params: unknown; path: Path }[] {
    const labels = labelsOf(entries as Entry[], Object.keys(RESERVED[list]));
    return (entries as Entry[]).flatMap((entry, i) => {
      const path = [list, i];
      const plugin = this.#lookup(() => lookup(entry.name), [...path, 'name']);
      if (!plugin) return [];
      const given = Object.fromEntries(Object.entries(entry).filter(([key]) => !Object.hasOwn(RESERVED[list], key)));
      const params = plugin.params.safeParse(given);
      if (!params.success) {
        const keysAt = (at: Path) =>
          at.length === 0 ? [...keysOf(plugin.params, at), ...Object.keys(RESERVED[list])] : keysOf(plugin.params, at);
        this.problems.push(...problemsOf(params.error.issues, given, path, keysAt));
        return [];
      }
      for (const { path: at, value } of unholdable(params.data))
        this.problems.push({ path: [...path, ...at], message: `expected at most ${MOST_FLOAT}, the largest float32, got ${value}` });
      const label = labels[i] as string;
      if (labels.indexOf(label) !== i)
        this.problems.push({ path, message: `"${label}" is there twice; give one of them a label of its own` });
      return [{ entry, label, plugin, params: params.data, path }];
    });
  }

  /** What a selection of the suite names; of one whose file is no good nothing, and a problem. */
  #selection(given: SuiteSelection | undefined, path: Path): Selection | undefined {
    if (given === undefined) return undefined;
    if (typeof given === 'number') return firstImages(given);
    return 'indices' in given ? this.#lookup(() => readIndices(resolve(this.#folder, given.indices)), [...path, 'indices']) : given;
  }

  #lookup<T>(find: () => T, path: Path): T | undefined {
    try {
      return find();
    } catch (error) {
      if (!(error instanceof RampartError)) throw error;
      this.problems.push({ path, message: error.message });
      return undefined;
    }
  }

  /** The canonical name of an architecture; the given one where there is none such. */
  #architecture(name: string, path: Path): string {
    return this.#lookup(() => this.#registry.architecture(name), path)?.name ?? name;
  }

  /** As `#architecture`; it is a problem where the suite lists it. */
  #canonical(name: string): string {
    try {
      return this.#registry.architecture(name).name;
    } catch {
      return name;
    }
  }

  #unknown(path: Path, kind: string, name: string, known: readonly string[]): void {
    const near = nearest(name, known);
    this.problems.push({
      path,
      message: `unknown ${kind} "${name}"; ${near ? `did you mean "${near}"? ` : ''}known: ${known.join(', ') || 'none'}`,
    });
  }

  /** The recipe of a defense, and which epochs it gives; a wrapper none. */
  #checkpoints({ entry, plugin, path }: { entry: Entry; plugin: DefensePlugin; path: Path }) {
    const { recipe, checkpoints } = entry as DefenseKeys;
    const own = this.#recipe(recipe, path);
    const problem = (message: string) =>
      void this.problems.push({ path: checkpoints ? [...path, 'checkpoints'] : ['checkpoints'], message });
    if (plugin.kind === 'training') return withCheckpoints(checkpoints ?? this.#raw.checkpoints, own, problem);
    if (checkpoints) problem(`only a training has epochs; ${plugin.name} is put around others`);
    return { recipe: own, checkpoints: [] };
  }

  /** The recipe of the suite with a defense's own changes on top. */
  #recipe(changes: Record<string, unknown> | undefined, path: Path): Recipe {
    if (!changes) return this.#raw.recipe;
    const merged = { ...(this.#data.recipe as object | undefined), ...changes };
    const parsed = recipeSchema.safeParse(merged);
    if (parsed.success) return parsed.data;
    this.problems.push(...problemsOf(parsed.error.issues, merged, [...path, 'recipe'], (at) => keysOf(recipeSchema, at)));
    return this.#raw.recipe;
  }
}

/** Labels: the given one, else the name, with the given parameters where a name is there more than once: `trades beta=3`. */
function labelsOf(entries: readonly Entry[], reserved: readonly string[]): string[] {
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

/** A transfer attack names the models it transfers from in its parameter `source` or `sources`. */
function sourcesOf(access: AttackPlugin['access'], params: Record<string, unknown>): string[] {
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
function keysOf(schema: z.ZodType, path: Path): string[] {
  let here: JsonSchema[] = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema];
  const branches = (s: JsonSchema): JsonSchema[] => [s, ...[...(s.anyOf ?? []), ...(s.oneOf ?? [])].flatMap(branches)];
  for (const part of path) here = here.flatMap(branches).flatMap((s) => (typeof part === 'number' ? s.items : s.properties?.[part]) ?? []);
  return [...new Set(here.flatMap(branches).flatMap((s) => Object.keys(s.properties ?? {})))];
}
