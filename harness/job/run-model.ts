/** Makes one model: trains it, takes it from a weights file, or wraps another; writes weights and record. */
import type { Dataset } from '../../datasets/dataset.ts';
import { RampartError } from '../../errors.ts';
import { multiplyAdds } from '../../models/graph/graph.ts';
import { loadScript } from '../../models/import/torchscript.ts';
import type { Network } from '../../models/network.ts';
import { writeSafetensors } from '../../models/safetensors.ts';
import { flag } from '../../records/flags.ts';
import type { ModelRecord } from '../../records/record.ts';
import type { Store } from '../../records/store.ts';
import { Rng } from '../../tensor/rng.ts';
import type { Recipe } from '../suite/recipe.ts';
import type { PluginRef } from '../suite/registry.ts';
import { countOf } from '../suite/selection.ts';
import { train } from '../train/train.ts';
import type { TrainingResult } from '../train/training-job.ts';
import { chosenOf } from '../train/tuning.ts';
import type { JobContext } from './context.ts';
import { checkTraining } from './data.ts';
import { inTraining } from './engine.ts';
import { type ModelJob, type Origin, selectionOfRecord, trainingDrawsOf } from './job.ts';
import { doneModel, neededArtifact, networkFrom, scriptOptions } from './load-model.ts';
import { peakMemoryMb, provenance } from './provenance.ts';
import { alive } from './signs-of-life.ts';

/** What a way of making models decides of the record. */
type Made = Pick<ModelRecord, 'arch' | 'defense' | 'recipe' | 'weightsHash' | 'epochs' | 'cost' | 'flags' | 'extraData'> &
  Partial<Pick<ModelRecord, 'wraps' | 'tuning' | 'threat' | 'bestEpoch' | 'imported' | 'outside'>>;

/** What the record of another model that a training makes beside its own has of its own: that of its final epoch, and those of the same training ended earlier. */
type Beside = Pick<ModelRecord, 'key' | 'name' | 'weightsHash' | 'recipe'> &
  Partial<Pick<ModelRecord, 'epochs' | 'bestEpoch' | 'cost' | 'flags'>>;

export const NO_COST: ModelRecord['cost'] = {
  passes: { forward: 0, backward: 0 },
  optimizerSteps: 0,
  examples: 0,
  wallMs: 0,
  imagesPerSecond: 0,
  peakMemoryMb: 0,
  split: { craftMs: 0, updateMs: 0, validateMs: 0, dataMs: 0 },
};

export async function runModel(job: ModelJob, context: JobContext): Promise<ModelRecord> {
  const { data, store, engine } = context;
  const started = provenance(inTraining(engine));
  const training = job.origin.by === 'training';
  const dataset = await (training ? data.both(job.data) : data.test(job.data));
  const { beside = [], ...made } = await make(job, dataset, context);
  const validation = job.origin.by === 'training' ? job.origin.recipe.validation : 0;
  const record: ModelRecord = {
    schema: 1,
    kind: 'model',
    key: job.key,
    status: 'done',
    name: job.name,
    dataset: {
      name: job.data.plugin.name,
      version: job.data.plugin.version,
      params: job.data.plugin.params,
      hash: job.data.hash,
      train: countOf(job.data.train.selection),
      validation,
      test: countOf(job.data.test.selection),
      ...selectionOfRecord(job.data),
      classNames: [...dataset.classNames],
    },
    seed: job.seed,
    ...made,
    cost: { ...made.cost, peakMemoryMb: peakMemoryMb() },
    provenance: started,
  };
  // first, so that they are there wherever this one is
  for (const own of beside) await store.writeRecord(recordBeside(record, own));
  await store.writeRecord(record);
  return record;
}

/** As the same training with that recipe writes it, bit for bit. */
function recordBeside({ bestEpoch: _, ...record }: ModelRecord, own: Beside): ModelRecord {
  const { peakMemoryMb } = record.cost;
  return { ...record, ...own, ...(own.cost && { cost: { ...own.cost, peakMemoryMb } }) };
}

async function make(job: ModelJob, dataset: Dataset, context: JobContext): Promise<Made & { beside?: Beside[] }> {
  const { origin } = job;
  if (origin.by === 'training') return trained(job, origin, dataset, context);
  if (origin.by === 'outside') return asked(job, origin);
  if (origin.by === 'torchscript') return scripted(job, origin, dataset, context);
  return origin.by === 'wrapper' ? wrapped(origin, context) : pretrained(job, origin, dataset, context);
}

async function trained(
  job: ModelJob,
  origin: Extract<Origin, { by: 'training' }>,
  dataset: Dataset,
  context: JobContext,
): Promise<Made & { beside?: Beside[] }> {
  const { registry, store, signal, report } = context;
  await checkTraining(dataset, job.data, alive(context));
  const plugin = registry.defense(origin.defense.name);
  if (plugin.kind !== 'training') throw new RampartError(`[model ${job.name}] ${plugin.name} is a wrapper and cannot be trained`);
  const draws = trainingDrawsOf(job);
  const { defense, tuning } = await tuned(origin, plugin.selectBy, store);
  const { alsoLast, points = [], recipe } = origin;
  const trained = await train({
    name: job.name,
    dataset,
    arch: registry.architecture(job.arch.name),
    defense: plugin,
    params: defense.params,
    threat: origin.threat,
    recipe,
    draws: { weights: new Rng(draws.weights), order: new Rng(draws.order), noise: new Rng(draws.noise) },
    checkpoint: store.checkpoint('model', job.key),
    signal,
    alsoLast: alsoLast !== undefined,
    points: { at: points.map(({ until }) => until), put: (weights) => store.putArtifact(writeSafetensors(weights)) },
    onProgress({ epoch, epochs, done, total, loss }) {
      report({ fraction: (epoch + done / total) / epochs, detail: `epoch ${epoch + 1}/${epochs}, loss ${loss.toFixed(3)}` });
    },
  });
  const { network, last, epochs, bestEpoch, cost, flags } = trained;
  const bytes = writeSafetensors(await network.save());
  const weightsHash = await store.putArtifact(bytes);
  const { name, version, params } = defense;
  const lastHash = last && (await store.putArtifact(writeSafetensors(last)));
  const made: Made & { beside: Beside[] } = {
    beside: [
      ...(alsoLast && lastHash ? [{ ...alsoLast, weightsHash: lastHash, recipe: { ...recipe, keep: 'last' } }] : []),
      ...points.flatMap((point) => earlier(point, trained, recipe)),
    ],
    arch: archOf(job, network),
    defense: {
      name,
      version,
      params,
      title: plugin.title,
      paper: plugin.paper,
      references: plugin.references,
      kind: 'training',
      ...(plugin.role && { role: plugin.role }),
    },
    ...(tuning && { tuning }),
    threat: { ...origin.threat },
    recipe: { ...recipe },
    extraData: false,
    weightsHash,
    epochs,
    bestEpoch,
    cost: { ...cost, peakMemoryMb: 0 },
    flags,
  };
  network.dispose();
  return made;
}

/** The defense with the parameters of the best of its trials, and what is noted of them; as it is where it has none. */
async function tuned(
  { defense, tuning }: Extract<Origin, { by: 'training' }>,
  selectBy: 'clean' | 'pgd' | undefined,
  store: Store,
): Promise<{ defense: PluginRef; tuning?: ModelRecord['tuning'] }> {
  if (!tuning) return { defense };
  const records = await Promise.all(tuning.trials.map(({ key }) => doneModel(key, store)));
  const found = chosenOf(records, selectBy);
  return { defense: tuning.trials[found.chosen]?.defense ?? defense, tuning: { budget: tuning.budget, ...found } };
}

/** The model of the same training ended at a point; none where the state that was gone on from was past it. */
function earlier(
  { key, name, until }: { key: string; name: string; until: number },
  { points, epochs }: TrainingResult,
  recipe: Recipe,
): Beside[] {
  const point = points.find((p) => p.until === until);
  if (!point) return [];
  const { weightsHash, bestEpoch, cost, flags } = point;
  const kept = bestEpoch !== undefined && { bestEpoch };
  const own = { key, name, weightsHash, recipe: { ...recipe, until }, epochs: epochs.slice(0, point.epochs), flags };
  return [{ ...own, ...kept, cost: { ...cost, peakMemoryMb: 0 } }];
}

async function pretrained(
  job: ModelJob,
  origin: Extract<Origin, { by: 'pretrained' }>,
  dataset: Dataset,
  { registry, store }: JobContext,
): Promise<Made> {
  const { weightsHash, file, normalization, bnEps, expect, reference, title, paper, extraData } = origin;
  const bytes = await neededArtifact(weightsHash, `the file ${file} of ${job.name}`, store);
  const { network, imported } = networkFrom(bytes, file, job.arch.name, dataset, registry, { normalization, bnEps });
  const arch = archOf(job, network);
  network.dispose();
  return {
    arch,
    defense: { name: job.name, version: 1, params: { ...normalization }, title, paper, kind: 'pretrained' },
    imported: {
      file,
      kind: imported.kind,
      normalization: { mean: [...imported.normalization.mean], std: [...imported.normalization.std] },
      notes: [...imported.notes],
      ...(bnEps !== undefined && { bnEps }),
      ...(expect && { expect }),
      ...(reference && { reference }),
    },
    recipe: {},
    extraData,
    weightsHash,
    epochs: [],
    cost: NO_COST,
    flags:
      expect || reference
        ? []
        : [
            flag(
              'unverified-import',
              `${file} as ${job.arch.name}: neither its clean accuracy nor reference logits were given to hold it to`,
            ),
          ],
  };
}

/** Loaded once, so that a file that does not fit fails here and in no cell. */
async function scripted(
  job: ModelJob,
  { weightsHash, file, title, paper, extraData, expect, reference }: Extract<Origin, { by: 'torchscript' }>,
  dataset: Dataset,
  { store }: JobContext,
): Promise<Made> {
  const bytes = await neededArtifact(weightsHash, `the file ${file} of ${job.name}`, store);
  const classifier = loadScript(bytes, scriptOptions(file, dataset));
  const { parameters } = classifier;
  classifier.dispose();
  return {
    arch: { name: job.arch.name, version: job.arch.version, parameters, multiplyAdds: 0 },
    defense: { name: job.name, version: 1, params: {}, title, paper, kind: 'pretrained' },
    imported: { file, kind: 'torchscript', notes: [], ...(expect && { expect }), ...(reference && { reference }) },
    recipe: {},
    extraData,
    weightsHash,
    epochs: [],
    cost: NO_COST,
    flags: [],
  };
}

/** What the plan has found of it: its cells ask it, and refuse it where it has become another. */
function asked(job: ModelJob, { source, title, paper, extraData, expect, reference }: Extract<Origin, { by: 'outside' }>): Made {
  if ('failure' in source) throw new RampartError(source.failure);
  const { model, weights, parameters, multiplyAdds } = source;
  return {
    arch: { name: job.arch.name, version: job.arch.version, parameters, multiplyAdds },
    defense: { name: job.name, version: 1, params: {}, title, paper, kind: 'pretrained' },
    outside: { source: model, ...(expect && { expect }), ...(reference && { reference }) },
    recipe: {},
    extraData,
    weightsHash: weights,
    epochs: [],
    cost: NO_COST,
    flags: [],
  };
}

async function wrapped(origin: Extract<Origin, { by: 'wrapper' }>, { registry, store }: JobContext): Promise<Made> {
  const base = await doneModel(origin.base, store);
  const plugin = registry.defense(origin.defense.name);
  const { name, version, params } = origin.defense;
  return {
    arch: base.arch,
    defense: { name, version, params, title: plugin.title, paper: plugin.paper, references: plugin.references, kind: 'wrapper' },
    wraps: base.key,
    threat: base.threat,
    recipe: base.recipe,
    extraData: base.extraData,
    weightsHash: base.weightsHash,
    epochs: [],
    cost: NO_COST,
    flags: [],
  };
}

function archOf({ arch }: ModelJob, network: Network): ModelRecord['arch'] {
  return { name: arch.name, version: arch.version, parameters: network.parameterCount, multiplyAdds: multiplyAdds(network.graph) };
}
