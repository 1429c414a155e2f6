/** Makes one model: trains it, takes it from a weights file, or wraps another; writes weights and record. */
import type { Dataset } from '../../datasets/dataset.ts';
import { RampartError } from '../../errors.ts';
import { multiplyAdds } from '../../models/graph/graph.ts';
import { loadScript } from '../../models/import/torchscript.ts';
import type { Network } from '../../models/network.ts';
import { writeSafetensors } from '../../models/safetensors.ts';
import { flag } from '../../records/flags.ts';
import type { ModelRecord } from '../../records/record.ts';
import { Rng } from '../../tensor/rng.ts';
import { countOf } from '../suite/selection.ts';
import { train } from '../train/train.ts';
import type { JobContext } from './context.ts';
import { checkTraining } from './data.ts';
import { inTraining } from './engine.ts';
import { type ModelJob, type Origin, selectionOfRecord, trainingDrawsOf } from './job.ts';
import { doneModel, neededArtifact, networkFrom, scriptOptions } from './load-model.ts';
import { peakMemoryMb, provenance } from './provenance.ts';
import { alive } from './signs-of-life.ts';

/** What a way of making models decides of the record. */
type Made = Pick<ModelRecord, 'arch' | 'defense' | 'recipe' | 'weightsHash' | 'epochs' | 'cost' | 'flags' | 'extraData'> &
  Partial<Pick<ModelRecord, 'wraps' | 'threat' | 'bestEpoch' | 'imported' | 'outside'>>;

/** What a record says of its own of a training's final epoch, where that is a model beside that of the best one. */
type Last = Pick<ModelRecord, 'key' | 'name' | 'weightsHash'>;

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
  const { last, ...made } = await make(job, dataset, context);
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
  // first, so that it is there wherever this one is
  if (last) await store.writeRecord(asKeptLast(record, last));
  await store.writeRecord(record);
  return record;
}

/** The record of the same training with `keep: last`, whose weights those of the final epoch are, bit for bit. */
function asKeptLast({ bestEpoch: _, recipe, ...record }: ModelRecord, last: Last): ModelRecord {
  return { ...record, ...last, recipe: { ...recipe, keep: 'last' } };
}

async function make(job: ModelJob, dataset: Dataset, context: JobContext): Promise<Made & { last?: Last }> {
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
): Promise<Made & { last?: Last }> {
  const { registry, store, signal, report } = context;
  await checkTraining(dataset, job.data, alive(context));
  const plugin = registry.defense(origin.defense.name);
  if (plugin.kind !== 'training') throw new RampartError(`[model ${job.name}] ${plugin.name} is a wrapper and cannot be trained`);
  const draws = trainingDrawsOf(job);
  const { network, last, epochs, bestEpoch, cost, flags } = await train({
    name: job.name,
    dataset,
    arch: registry.architecture(job.arch.name),
    defense: plugin,
    params: origin.defense.params,
    threat: origin.threat,
    recipe: origin.recipe,
    draws: { weights: new Rng(draws.weights), order: new Rng(draws.order), noise: new Rng(draws.noise) },
    checkpoint: store.checkpoint('model', job.key),
    signal,
    alsoLast: origin.alsoLast !== undefined,
    onProgress({ epoch, epochs, done, total, loss }) {
      report({ fraction: (epoch + done / total) / epochs, detail: `epoch ${epoch + 1}/${epochs}, loss ${loss.toFixed(3)}` });
    },
  });
  const bytes = writeSafetensors(await network.save());
  const weightsHash = await store.putArtifact(bytes);
  const { name, version, params } = origin.defense;
  const { alsoLast } = origin;
  const lastHash = last && (await store.putArtifact(writeSafetensors(last)));
  const made: Made & { last?: Last } = {
    ...(alsoLast && lastHash && { last: { ...alsoLast, weightsHash: lastHash } }),
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
    threat: { ...origin.threat },
    recipe: { ...origin.recipe },
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
