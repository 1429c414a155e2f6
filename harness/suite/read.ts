/** Reads a suite file: YAML, the schema of the suite, every plug-in's own schema, labels, and pairs that cannot go together. */
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import type { DefensePlugin } from '../../defenses/defense.ts';
import { nearest, RampartError } from '../../errors.ts';
import { drawLabel } from '../../records/slug.ts';
import {
  type AttackKeys,
  type Changes,
  type DefenseKeys,
  type Entry,
  keysOf,
  labelsOf,
  type Parsed,
  parsedParams,
  sourcesOf,
  withInner,
} from './entries.ts';
import type { SuiteModel } from './models.ts';
import { modelLabelsOf } from './names.ts';
import { pairProblems } from './pairs.ts';
import { readModels } from './read-models.ts';
import { loadRegistry, type MayLoad, type Registry } from './registry.ts';
import { RESERVED, type SuiteFile, suiteSchema } from './schema.ts';
import { firstImages, readIndices, type Selection, type SuiteSelection } from './selection.ts';
import { readExtended } from './source/extends.ts';
import { type Path, type Problem, problemsOf, refuse } from './source/problems.ts';
import { readSuiteText } from './source/yaml.ts';
import type { Suite, SuiteAttack, SuiteDataset, SuiteDefense } from './suite.ts';
import { ballsOf, readThreats } from './threats.ts';
import { type ByArchitecture, type TrainingData, trainingsOf, tuneOf } from './trainings.ts';

/** Reads and checks a suite file; throws one error that names every problem. Plug-ins that it lists are loaded into the registry, which executes them: all, or those that `mayLoad`. */
export async function loadSuite(file: string, mayLoad?: MayLoad): Promise<{ suite: Suite; registry: Registry }> {
  return resolveSuite(readSuiteText(file), file, mayLoad);
}

/** `loadSuite` on text; `file` is for messages and relative paths. */
export async function resolveSuite(text: string, file: string, mayLoad?: MayLoad): Promise<{ suite: Suite; registry: Registry }> {
  const { source, data } = readExtended(text, file);
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
  const { seeds, engine, diagnosis, keepExamples, publish, timeoutMinutes } = raw;
  const asGiven = { seeds, engine, diagnosis, keepExamples, publish, timeoutMinutes };
  const suite: Suite = {
    file,
    name: raw.name,
    title: raw.title ?? raw.name,
    description: raw.description ?? '',
    plugins,
    ...reader.threats(),
    datasets: reader.datasets(),
    architectures: reader.architectures(),
    defenses: reader.defenses(),
    models: reader.models(),
    attacks: reader.attacks(),
    ...(raw.curve && { curve: raw.curve }),
    ...asGiven,
  };
  refuse(source, reader.problems);
  refuse(source, pairProblems(suite, registry));
  return { suite, registry };
}

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

  threats(): Pick<Suite, 'threats' | 'corruptions'> {
    return readThreats(this.#raw.threats, this.#folder, (problem) => void this.problems.push(problem));
  }

  datasets(): SuiteDataset[] {
    return this.#entries('datasets', this.#raw.datasets, (name) => this.#registry.dataset(name)).map(
      ({ entry, label, plugin, params, path }) => {
        const { train, test, architectures } = entry as { train?: SuiteSelection; test?: SuiteSelection; architectures?: string[] };
        const select = { train: this.#selection(train, [...path, 'train']), test: this.#selection(test, [...path, 'test']) };
        const only = architectures && { architectures: this.#inSuite(architectures, [...path, 'architectures']) };
        return { label, ref: this.#registry.ref(plugin, params), select, ...only };
      },
    );
  }

  architectures(): readonly string[] {
    return this.#raw.architectures.map((name, i) => this.#architecture(name, ['architectures', i]));
  }

  defenses(): SuiteDefense[] {
    const found = this.#entries('defenses', this.#raw.defenses, (name) => this.#registry.defense(name));
    const data = this.#trainingData();
    const made = found.map((one) => ({ ...one, ...this.#trainings(one, data), ...this.#tune(one) }));
    const trained = made.filter(({ plugin }) => plugin.kind === 'training').flatMap(modelLabelsOf);
    return made.map(({ entry, label, plugin, params, path, trainings, checkpoints, tune }) => {
      const { threat, around } = entry as DefenseKeys;
      const first = ballsOf(this.#raw.threats)[0] ?? { norm: 'Linf' as const, eps: 0, main: 0 };
      const main = { norm: first.norm, eps: first.main ?? Math.max(...[first.eps].flat()) };
      if (around && plugin.kind === 'training' && !this.#registry.isStandIn(plugin))
        this.problems.push({ path: [...path, 'around'], message: `only a wrapper goes around others; ${plugin.name} is trained` });
      for (const [j, other] of (around ?? []).entries())
        if (!trained.includes(other)) this.#unknown([...path, 'around', j], 'trained defense', other, trained);
      return {
        label,
        kind: plugin.kind,
        ref: this.#registry.ref(plugin, params),
        // a ball is written without its kind, so that keys do not depend on whether the suite spells it out
        threat: threat ? { norm: threat.norm, eps: threat.eps } : main,
        trainings,
        checkpoints,
        ...(tune && { tune }),
        around: plugin.kind === 'wrapper' ? (around ?? trained) : [],
      };
    });
  }

  models(): SuiteModel[] {
    const labels = labelsOf(this.#raw.datasets as Entry[], Object.keys(RESERVED.datasets));
    return readModels(this.#raw.models, {
      folder: this.#folder,
      labels,
      problem: (path, message) => void this.problems.push({ path, message }),
      architecture: (name, path) => this.#architecture(name, path),
      unknownDataset: (path, name) => this.#unknown(path, 'data set of this suite', name, labels),
    });
  }

  attacks(): SuiteAttack[] {
    return this.#entries('attacks', this.#raw.attacks, (name) => this.#registry.attack(name)).flatMap(
      ({ entry, label, plugin, params, path }) => {
        const { n: given, repeat = 1, budget, norms, models } = entry as AttackKeys;
        const n = typeof given === 'number' ? given : this.#selection(given, [...path, 'n']);
        const own = this.#taken(withInner(plugin, params, [...path, 'attack'], (name) => this.#registry.attack(name)));
        if (!own) return [];
        const ref = this.#registry.ref(plugin, own);
        const inSuite = [...new Set(ballsOf(this.#raw.threats).map((t) => t.norm))];
        const limit = budget === undefined ? {} : { budget };
        const sources = sourcesOf(plugin.access, ref.params);
        const attack = { ref, access: plugin.access, features: plugin.features, n, ...limit, norms: norms ?? inSuite, models, sources };
        return Array.from({ length: repeat }, (_, draw) =>
          draw === 0 ? { label, ...attack } : { label: drawLabel(label, draw), draw, ...attack },
        );
      },
    );
  }

  /** Entries of a list with their plug-in, checked parameters and label; those with problems are left out. */
  #entries<P extends { name: string; params: z.ZodType }>(
    list: keyof typeof RESERVED,
    entries: readonly unknown[],
    lookup: (name: string) => P,
  ): { entry: Entry; label: string; plugin: P; params: object; path: Path }[] {
    const labels = labelsOf(entries as Entry[], Object.keys(RESERVED[list]));
    return (entries as Entry[]).flatMap((entry, i) => {
      const path = [list, i];
      const plugin = this.#lookup(() => lookup(entry.name), [...path, 'name']);
      if (!plugin) return [];
      const given = Object.fromEntries(Object.entries(entry).filter(([key]) => !Object.hasOwn(RESERVED[list], key)));
      const params = this.#taken(parsedParams(plugin.params, given, path, Object.keys(RESERVED[list])));
      if (params === undefined) return [];
      const label = labels[i] as string;
      if (labels.indexOf(label) !== i)
        this.problems.push({ path, message: `"${label}" is there twice; give one of them a label of its own` });
      return [{ entry, label, plugin, params, path }];
    });
  }

  #taken({ data, problems }: Parsed): object | undefined {
    this.problems.push(...problems);
    return data;
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

  /** `names`, which must be architectures of the suite, by their canonical names; all of the suite's when absent. */
  #inSuite(names: readonly string[] | undefined, path: Path): string[] {
    const known = this.#raw.architectures.map((name) => this.#canonical(name));
    const asked = names?.map((name) => this.#canonical(name)) ?? known;
    for (const [j, arch] of asked.entries())
      if (!known.includes(arch)) this.#unknown([...path, j], 'architecture of this suite', arch, known);
    return asked;
  }

  /** A problem that several trainings have is one. */
  #tell(problem: Problem): void {
    const same = ({ path, message }: Problem) => message === problem.message && path.join() === problem.path.join();
    if (!this.problems.some(same)) this.problems.push(problem);
  }

  #trainingData(): TrainingData[] {
    const entries = this.#raw.datasets as Entry[];
    const labels = labelsOf(entries, Object.keys(RESERVED.datasets));
    return entries.map((entry, i) => {
      const { recipe, architectures } = entry as { recipe?: Changes; architectures?: string[] };
      const only = architectures && { architectures: architectures.map((name) => this.#canonical(name)) };
      return { label: labels[i] as string, recipe: { path: ['datasets', i, 'recipe'], changes: recipe }, ...only };
    });
  }

  #byArchitecture(recipes: Record<string, Changes> | undefined, path: Path): ByArchitecture {
    const named = Object.entries(recipes ?? {}).map(([name, changes]) => {
      const at = [...path, 'recipes', name];
      return [this.#architecture(name, at), { path: at, changes }] as const;
    });
    return new Map(named);
  }

  #tune(found: Parameters<typeof tuneOf>[0]): { tune?: SuiteDefense['tune'] } {
    const { tune, problems } = tuneOf(found, this.#registry, Object.keys(RESERVED.defenses));
    this.problems.push(...problems);
    return { tune };
  }

  /** What a defense trains, and which epochs that gives; a wrapper nothing. */
  #trainings({ entry, plugin, path }: { entry: Entry; plugin: DefensePlugin; path: Path }, datasets: readonly TrainingData[]) {
    const { recipe, recipes, checkpoints, architectures } = entry as DefenseKeys;
    const checkpointsProblem = (message: string) => this.#tell({ path: checkpoints ? [...path, 'checkpoints'] : ['checkpoints'], message });
    if (plugin.kind !== 'training' && checkpoints) checkpointsProblem(`only a training has epochs; ${plugin.name} is put around others`);
    const found = trainingsOf({
      datasets,
      architectures: this.#inSuite(architectures, [...path, 'architectures']),
      recipe: { path: ['recipe'], changes: this.#data.recipe as Changes | undefined },
      recipes: this.#byArchitecture(this.#raw.recipes, []),
      defense: { recipe: { path: [...path, 'recipe'], changes: recipe }, recipes: this.#byArchitecture(recipes, path) },
      checkpoints: plugin.kind === 'training' ? (checkpoints ?? this.#raw.checkpoints) : undefined,
      problem: (problem) => this.#tell(problem),
      checkpointsProblem,
      keysOf,
    });
    return plugin.kind === 'training' ? found : { trainings: [], checkpoints: [] };
  }
}
