/** The models of a run: trained, wrapped, read from files, or asked where they are; each with its job and about how much work it is. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Passes } from '../../attacks/attack.ts';
import { activations, multiplyAdds } from '../../models/graph/graph.ts';
import { sha256 } from '../../records/hash.ts';
import type { EngineIdentity } from '../job/engine.ts';
import { type DataRef, type ModelJob, type Origin, type OutsideFound, withKey } from '../job/job.ts';
import type { PlannedData } from '../job/prepare-data.ts';
import { isImported, isOutside, isScript, nameOfSource, normalizationOf, type Reference, type SuiteModel } from '../suite/models.ts';
import { lastName, partName, partsOf, trainedName, trialName, wrappedName } from '../suite/names.ts';
import type { Registry } from '../suite/registry.ts';
import { countOf } from '../suite/selection.ts';
import type { Suite, SuiteDefense, Training } from '../suite/suite.ts';
import { trialEpochs } from '../suite/trainings.ts';

/** Passes over all examples together, at most, and the multiply-adds of a forward pass. */
export interface Work {
  readonly passes: Passes;
  readonly multiplyAdds: number;
}

export interface PlannedModel {
  readonly kind: 'model';
  readonly id: string;
  readonly needs: readonly string[];
  readonly work: Work;
  /** Numbers that its network holds for one image. */
  readonly activations: number;
  readonly job: ModelJob;
}

/** Validation of an epoch: clean, FGSM and PGD-10. */
const VALIDATION: Passes = { forward: 15, backward: 11 };

/** What a plan is made of. */
export interface Setting {
  readonly suite: Suite;
  readonly registry: Registry;
  readonly engine: EngineIdentity;
  readonly data: readonly PlannedData[];
  /** Models that are asked where they are, by name. */
  readonly outside: ReadonlyMap<string, OutsideFound>;
}

/** A model with what a suite may call it. */
export interface Made extends PlannedModel {
  readonly label: string;
  /** Labels that mean it: its own, and that of the final epoch where its training gives two models. */
  readonly labels: readonly string[];
  /** Of the same training ended earlier: no attack means it but those of the curve. */
  readonly point?: true;
  /** Trained to choose the parameters of another: nothing is attacked. */
  readonly trial?: true;
}

/** Whether `names` has one of the labels that mean a model. */
export const isMeant = ({ labels }: Made, names: readonly string[]): boolean => labels.some((label) => names.includes(label));

/** Every model of the suite on one of its data sets. */
export function modelsOf(setting: Setting, data: DataRef): Made[] {
  const { suite } = setting;
  const trained = suite.defenses.filter((d) => d.kind === 'training');
  const models: Made[] = [];
  for (const arch of suite.architectures)
    for (const defense of trained) {
      const training = defense.trainings.find(({ dataset, architecture }) => dataset === data.label && architecture === arch);
      if (!training) continue;
      const trials = trialsOf(setting, data, training, defense);
      models.push(...trials);
      for (const seed of suite.seeds) models.push(...trainedModels(setting, data, training, defense, seed, trials));
    }
  const wrappers = suite.defenses.filter((d) => d.kind === 'wrapper');
  const wrapped = wrappers.flatMap((wrapper) =>
    models.filter((m) => isMeant(m, wrapper.around)).map((base) => wrappedModel(setting, wrapper, base)),
  );
  return [
    ...onceEach(models),
    ...wrapped,
    ...pretrainedModels(setting, data),
    ...scriptModels(setting, data),
    ...outsideModels(setting, data),
  ];
}

/** A trial may be a model of the suite as well: it is there once, where the first of the two would be, as what is attacked. */
function onceEach(models: readonly Made[]): Made[] {
  const byId = new Map<string, Made>();
  for (const model of models) if (!model.trial || !byId.has(model.id)) byId.set(model.id, model);
  return [...byId.values()];
}

/** The trials of a defense that is tuned, all at the first seed; none of another. */
function trialsOf(setting: Setting, data: DataRef, training: Training, defense: SuiteDefense): Made[] {
  const { suite, registry } = setting;
  const { tune, label } = defense;
  const seed = suite.seeds[0] ?? 0;
  return (tune?.candidates ?? []).map(({ ref, given }) => {
    const recipe = { ...training.recipe, epochs: trialEpochs(tune as NonNullable<typeof tune>, ref, training.recipe, registry) };
    const short = { ...training, recipe };
    const name = trialName(trainedName({ ...suite, seeds: [seed] }, label, training.architecture, data.label, seed), given);
    const alone = { ...defense, ref, checkpoints: defense.checkpoints.slice(0, 1) };
    const [model] = trainedModels({ ...setting, suite: { ...suite, curve: undefined } }, data, short, alone, seed, []);
    const { job, ...rest } = model as Made;
    return { ...rest, job: { ...job, name }, labels: [], trial: true };
  });
}

function sizesOf({ registry }: Setting, data: DataRef, arch: string): { multiplyAdds: number; activations: number } {
  const { shape, classes } = data.form;
  const ones = Array.from({ length: shape[2] }, () => 1);
  const graph = registry.architecture(arch).graph({ inputShape: shape, classes, mean: ones, std: ones });
  return { multiplyAdds: multiplyAdds(graph), activations: activations(graph) };
}

/** The model of a training; of one that gives two, that of its best epoch, then that of its final one, which is there once the first is. */
function trainedModels(
  setting: Setting,
  data: DataRef,
  training: Training,
  defense: SuiteDefense,
  seed: number,
  trials: readonly Made[],
): Made[] {
  const { suite, registry, engine } = setting;
  const { ref, threat, label, checkpoints } = defense;
  const { architecture: arch, recipe } = training;
  const name = trainedName(suite, label, arch, data.label, seed);
  const tuning = {
    budget: defense.tune?.budget ?? 0,
    trials: trials.map(({ id }, i) => ({ key: id, defense: defense.tune?.candidates[i]?.ref ?? ref })),
  };
  const job = (name: string, own: Partial<Extract<Origin, { by: 'training' }>>) =>
    withKey({
      kind: 'model',
      name,
      data,
      arch: registry.archRef(arch),
      origin: { by: 'training', defense: ref, threat, recipe, ...(trials.length > 0 && { tuning }), ...own },
      seed,
      engine,
    });
  const { work, activations } = trainingWork(setting, data, training, defense);
  const model = { kind: 'model', label, activations } as const;
  const last = checkpoints.length < 2 ? undefined : job(lastName(name), { recipe: { ...recipe, keep: 'last' } });
  const parts = (suite.curve ? partsOf(suite.curve) : []).map((until) => ({
    until,
    job: job(partName(name, until), { recipe: { ...recipe, until } }),
  }));
  const points = parts.map(({ until, job: { key, name } }) => ({ key, name, until }));
  const kept = job(name, { ...(last && { alsoLast: { key: last.key, name: last.name } }), ...(points.length > 0 && { points }) });
  // made on the way of the first, which all that follow need
  const beside = { ...model, needs: [kept.key], work: { ...work, passes: { forward: 0, backward: 0 } } };
  return [
    { ...model, id: kept.key, labels: [label], needs: trials.map(({ id }) => id), job: kept, work },
    ...(last ? [{ ...beside, id: last.key, labels: [label, lastName(label)], job: last }] : []),
    ...parts.map(({ job }) => ({ ...beside, id: job.key, labels: [], job, point: true as const })),
  ];
}

function trainingWork(
  setting: Setting,
  data: DataRef,
  { architecture, recipe }: Training,
  { ref }: SuiteDefense,
): Pick<PlannedModel, 'work' | 'activations'> {
  const plugin = setting.registry.defense(ref.name);
  const cost = plugin.kind === 'training' ? plugin.cost(ref.params) : { forward: 0, backward: 0 };
  const images = recipe.epochs * (countOf(data.train.selection) - recipe.validation);
  const validations = Math.ceil(recipe.epochs / recipe.validateEvery) * recipe.validation;
  const passes = {
    forward: images * cost.forward + validations * VALIDATION.forward,
    backward: images * cost.backward + validations * VALIDATION.backward,
  };
  const { multiplyAdds, activations } = sizesOf(setting, data, architecture);
  return { work: { passes, multiplyAdds }, activations };
}

function wrappedModel(setting: Setting, wrapper: SuiteDefense, base: Made): Made {
  const { data, arch, seed, name } = base.job;
  const origin = { by: 'wrapper', defense: wrapper.ref, base: base.job.key } as const;
  const job = withKey({ kind: 'model', name: wrappedName(wrapper.label, name), data, arch, origin, seed, engine: setting.engine });
  const work = { passes: { forward: 0, backward: 0 }, multiplyAdds: base.work.multiplyAdds };
  const { label } = wrapper;
  return { kind: 'model', id: job.key, label, labels: [label], needs: [base.id], job, work, activations: base.activations };
}

const hashOfFile = (path: string) => sha256(readFileSync(path));

function pretrainedModels(setting: Setting, data: DataRef): Made[] {
  const { suite, engine } = setting;
  return suite.models
    .filter(isImported)
    .filter((model) => model.dataset === data.label)
    .map((model) => {
      const { name, weights, arch, title, paper, extraData, bnEps, expect } = model;
      const normalization = normalizationOf(model, data.form.shape[2]);
      const about = { file: basename(weights), title, paper, extraData };
      const reference = referenceOf(model);
      const origin = { by: 'pretrained', weightsHash: hashOfFile(weights), ...about, normalization, bnEps, expect, reference } as const;
      const job = withKey({ kind: 'model', name, data, arch: setting.registry.archRef(arch), origin, seed: suite.seeds[0] ?? 0, engine });
      const { multiplyAdds, activations } = sizesOf(setting, data, arch);
      const work = { passes: { forward: 0, backward: 0 }, multiplyAdds };
      return { kind: 'model' as const, id: job.key, label: name, labels: [name], needs: [], job, work, activations };
    });
}

/** Numbers that a network holds for one image, a number of that image: a ResNet has some 200, a wide one some 1,000. What a file of code does is not looked at here. */
const ACTIVATIONS_OF_A_SCRIPT = 500;

function scriptModels({ suite, engine }: Setting, data: DataRef): Made[] {
  const scripts = suite.models.filter(isScript).filter((model) => model.dataset === data.label);
  return scripts.map((model) => {
    const { name, torchscript, title, paper, extraData, expect } = model;
    const file = basename(torchscript);
    const about = { weightsHash: hashOfFile(torchscript), file, title, paper, extraData };
    const origin = { by: 'torchscript', ...about, expect, reference: referenceOf(model) } as const;
    const job = withKey({ kind: 'model', name, data, arch: { name: file, version: 1 }, origin, seed: suite.seeds[0] ?? 0, engine });
    const [h, w, c] = data.form.shape;
    const work = { passes: { forward: 0, backward: 0 }, multiplyAdds: 0 };
    return {
      kind: 'model',
      id: job.key,
      label: name,
      labels: [name],
      needs: [],
      job,
      work,
      activations: ACTIVATIONS_OF_A_SCRIPT * h * w * c,
    };
  });
}

function outsideModels({ suite, engine, outside }: Setting, data: DataRef): Made[] {
  const asked = suite.models.filter(isOutside).filter((model) => model.dataset === data.label);
  return asked.map((model) => {
    const { name, title, paper, extraData, expect } = model;
    const source = outside.get(name) ?? { failure: `[model ${name}] was not asked` };
    const arch = { name: nameOfSource(model.source), version: 1 };
    const origin = { by: 'outside', source, title, paper, extraData, expect, reference: referenceOf(model) } as const;
    const job = withKey({ kind: 'model', name, data, arch, origin, seed: suite.seeds[0] ?? 0, engine });
    const { multiplyAdds, activations } = 'failure' in source ? { multiplyAdds: 0, activations: 1 } : source;
    const work = { passes: { forward: 0, backward: 0 }, multiplyAdds };
    return { kind: 'model', id: job.key, label: name, labels: [name], needs: [], job, work, activations };
  });
}

/** Logits that a model from elsewhere must give, as a job names them. */
function referenceOf({ reference }: SuiteModel): (Omit<Reference, 'file'> & { file: string; hash: string }) | undefined {
  return reference && { ...reference, file: basename(reference.file), hash: hashOfFile(reference.file) };
}
