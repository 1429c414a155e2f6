/**
 * Jobs as plain data: what a worker needs to train a model or to fill a cell, and the keys that decide what is reused.
 * A key hashes everything that must be equal for a result to be the same. Random numbers are seeded by the same things
 * without engine and data limits, so that two engines draw the same numbers, and the first n examples of a longer test set the same ones.
 */
import type { Threat } from '../../attacks/attack.ts';
import type { CorruptionThreat } from '../../corruptions/corruption.ts';
import type { Normalization } from '../../models/import/import.ts';
import { keyOf } from '../../records/hash.ts';
import type { OutsideRecord } from '../../records/record.ts';
import type { ImageRange } from '../../records/shard.ts';
import type { Shape } from '../../tensor/tf.ts';
import type { Expectation } from '../suite/models.ts';
import type { Recipe } from '../suite/recipe.ts';
import type { ArchRef, PluginRef } from '../suite/registry.ts';
import { countOf, type Selection, startsAtZero } from '../suite/selection.ts';
import { type EngineIdentity, trainedOn } from './engine.ts';

/** Some images of a split: which, and the SHA-256 of them and their labels. */
export interface Images {
  readonly selection: Selection;
  readonly hash: string;
}

/** What a network for a data set must fit: the shape of an image, and how many classes. */
export interface DataForm {
  readonly shape: Shape;
  readonly classes: number;
}

/** A data set as loaded: its plug-in, and what of it the suite selects. */
export interface DataRef {
  readonly label: string;
  readonly plugin: PluginRef;
  readonly form: DataForm;
  /** SHA-256 of the selected images of both splits. */
  readonly hash: string;
  readonly train: Images;
  readonly test: Images;
}

/** How a model comes about. */
export type Origin =
  | {
      readonly by: 'training';
      readonly defense: PluginRef;
      readonly threat: Threat;
      readonly recipe: Recipe;
      /** Done before it: the parameters of the best on the validation split are taken, and `defense` has those that were given. */
      readonly tuning?: { readonly budget: number; readonly trials: readonly { readonly key: string; readonly defense: PluginRef }[] };
      /** The model of its final epoch, which it makes beside that of its best one: the job of the same training with `keep: last`. */
      readonly alsoLast?: Pick<ModelJob, 'key' | 'name'>;
      /** Models of the same training ended earlier, which it makes on its way: the jobs of it with `until`. */
      readonly points?: readonly (Pick<ModelJob, 'key' | 'name'> & { readonly until: number })[];
    }
  | { readonly by: 'wrapper'; readonly defense: PluginRef; readonly base: string }
  | {
      readonly by: 'pretrained';
      /** Of the file of weights, which is an artifact of the store. */
      readonly weightsHash: string;
      /** Its name, for messages. */
      readonly file: string;
      readonly title: string;
      readonly paper: string;
      readonly extraData: boolean;
      /** As its user states it; else the file does. */
      readonly normalization?: Normalization;
      /** Of its batch normalisations, where it is not the family's. */
      readonly bnEps?: number;
      /** What its clean accuracy on the test images must be. */
      readonly expect?: Expectation;
      readonly reference?: ReferenceRef;
    }
  | {
      readonly by: 'torchscript';
      /** Of the file, which is an artifact of the store. */
      readonly weightsHash: string;
      /** Its name, for messages. */
      readonly file: string;
      readonly title: string;
      readonly paper: string;
      readonly extraData: boolean;
      readonly expect?: Expectation;
      readonly reference?: ReferenceRef;
    }
  | {
      readonly by: 'outside';
      readonly source: OutsideFound;
      readonly title: string;
      readonly paper: string;
      readonly extraData: boolean;
      readonly expect?: Expectation;
      readonly reference?: ReferenceRef;
    };

/** Whether the model is a network of an architecture that is known here. */
export const isNetwork = ({ by }: Origin): boolean => by !== 'outside' && by !== 'torchscript';

/** Logits that a model must give: an artifact of the store, and its name for messages. */
interface ReferenceRef {
  readonly hash: string;
  readonly file: string;
  readonly tolerance?: number;
}

/** A model that is asked where it is: what it was found to be when the run was planned, or why nothing could be found. */
export type OutsideFound =
  | {
      readonly model: OutsideRecord;
      /** SHA-256 of its parameters and buffers. */
      readonly weights: string;
      readonly parameters: number;
      /** Of a forward pass of one image, and what its layers hold. */
      readonly multiplyAdds: number;
      readonly activations: number;
    }
  | { readonly failure: string };

export interface ModelJob {
  readonly kind: 'model';
  readonly key: string;
  readonly name: string;
  readonly data: DataRef;
  readonly arch: ArchRef;
  readonly origin: Origin;
  readonly seed: number;
  readonly engine: EngineIdentity;
}

/** What is asked of a model in a cell: to withstand an attacker, or what happens to images without one. */
export type CellThreat = Threat | CorruptionThreat;

/** A model as a cell refers to it. */
export interface ModelRef {
  readonly key: string;
  readonly name: string;
  readonly weightsHash: string;
}

/** What a cell is made of. */
interface CellParts {
  readonly model: ModelRef;
  /** The plug-in `clean` is no attack: the clean accuracy; `corruption` is none either, see `threat`. */
  readonly attack: {
    readonly label: string;
    readonly plugin: PluginRef;
    readonly budget?: number | undefined;
    readonly draw?: number | undefined;
  };
  readonly threat: CellThreat;
  readonly seed: number;
  readonly data: DataRef;
  /** The test images attacked, all or some of those of `data`. */
  readonly images: Images;
  /** What a transfer attack transfers from, by the name that its parameters use. */
  readonly sources: readonly (ModelRef & { readonly alias: string })[];
  /** Key of the model's clean cell; absent on that cell. */
  readonly clean?: string;
  /** Key of the same cell at the next smaller radius of a security curve. */
  readonly smaller?: string;
  /** On a clean cell: on how many images that are right the model is looked at for masked gradients; not where absent. */
  readonly diagnosis?: number | undefined;
  readonly engine: EngineIdentity;
}

export interface CellJob extends CellParts {
  readonly kind: 'cell';
  readonly key: string;
  /** Ranges of its images that shards have attacked, together all of them: their outcomes are put together, and nothing is attacked. No part of the key. */
  readonly shards?: readonly ImageRange[];
}

/** Attacks a range of a cell's images. */
export interface ShardJob extends CellParts {
  readonly kind: 'shard';
  readonly key: string;
  /** Key of the cell. */
  readonly cell: string;
  readonly range: ImageRange;
}

export type Job = ModelJob | CellJob | ShardJob;

/** The files of a plug-in from outside this package: the one that exports it, then those that it imports by path. */
export type PluginFiles = readonly {
  /** From the folder of the first, with forward slashes. */
  readonly path: string;
  readonly hash: string;
}[];

/** What all jobs of a run share and no result depends on. */
export interface RunSettings {
  readonly plugins: readonly PluginFiles[];
  readonly keepExamples: number;
  /** The broken ones of so many first images of every cell are kept to be published. */
  readonly publish?: number | undefined;
  /** A job that gives no sign of life for so long is ended, unless who does it was told otherwise. */
  readonly timeoutMinutes?: number | undefined;
}

/** Raised when more is checked of a model from elsewhere before its attacks; when something else is measured to find masked gradients. */
const [CHECKS, DIAGNOSIS] = [1, 1];

/** Raised when the same training would give other weights: other draws, other batches. */
const TRAINING = 2;

type Keyed = ModelJob | CellJob;
type Unkeyed<J> = J extends Keyed ? Omit<J, 'key'> : never;

/** What identifies a model, without engine. Names, labels and what a training makes beside it are left out: they change nothing. */
function modelIdentity({ data, arch, origin, seed }: Unkeyed<ModelJob>): unknown {
  if (origin.by === 'training') {
    const { defense, threat, recipe, tuning } = origin;
    return {
      model: 'training',
      version: TRAINING,
      data: { plugin: data.plugin, train: data.train.hash },
      arch,
      defense,
      threat,
      recipe: recipeIdentity(recipe),
      tuning: tuning?.trials,
      seed,
    };
  }
  if (origin.by === 'wrapper') return { model: 'wrapper', defense: origin.defense, base: origin.base, seed };
  const { expect } = origin;
  const reference = origin.reference && { hash: origin.reference.hash, tolerance: origin.reference.tolerance };
  if (origin.by === 'outside') {
    const found = 'failure' in origin.source ? origin.source : outsideIdentity(origin.source);
    return { model: 'outside', checks: CHECKS, data: data.plugin.name, arch, found, expect, reference };
  }
  if (origin.by === 'torchscript')
    return { model: 'torchscript', checks: CHECKS, data: data.plugin.name, weightsHash: origin.weightsHash, expect, reference };
  const { weightsHash, normalization, bnEps } = origin;
  // an expectation is held on the data set's images
  return { model: 'pretrained', checks: CHECKS, data: data.plugin.name, arch, weightsHash, normalization, bnEps, expect, reference };
}

/** A recipe without what changes nothing as it is: what it says is what it said before recipes had it. */
function recipeIdentity({ betas, normalize, ...recipe }: Recipe): unknown {
  return { ...recipe, ...(recipe.optimizer === 'adamw' && { betas }), ...(normalize === 'none' && { normalize }) };
}

/** What of a model that is asked changes its answers: its code and weights, and what runs them. Not where its file lies, nor which of several GPUs it is on. */
function outsideIdentity({ model, weights }: Extract<OutsideFound, { model: unknown }>): unknown {
  if (model.via === 'http') return { via: model.via, weights };
  const { via, function: name, sources, torch, device } = model;
  return { via, name, sources, torch, device: device.split(':')[0], weights };
}

/** The member `selection` of a record's data set; none where both splits are taken from their start. */
export function selectionOfRecord({ train, test }: DataRef): { selection?: { train?: Selection; test?: Selection } } {
  const own = {
    ...(!startsAtZero(train.selection) && { train: train.selection }),
    ...(!startsAtZero(test.selection) && { test: test.selection }),
  };
  return Object.keys(own).length > 0 ? { selection: own } : {};
}

function cellIdentity({ model, attack, threat, seed, data, images, sources, smaller, diagnosis }: Unkeyed<CellJob>): unknown {
  return {
    cell: attack.plugin,
    budget: attack.budget,
    draw: attack.draw,
    model: [model.key, model.weightsHash],
    threat,
    seed,
    data: { plugin: data.plugin, test: images.hash },
    n: countOf(images.selection),
    // random numbers are drawn by index: the same images elsewhere in the split are another cell
    images: startsAtZero(images.selection) ? undefined : images.selection,
    sources: sources.map(({ alias, key, weightsHash }) => [alias, key, weightsHash]),
    smaller,
    diagnosis: diagnosis && [DIAGNOSIS, diagnosis],
  };
}

export function withKey(job: Unkeyed<ModelJob>): ModelJob;
export function withKey(job: Unkeyed<CellJob>): CellJob;
export function withKey(job: Unkeyed<Keyed>): Keyed {
  // a model from elsewhere is the same on every engine
  const elsewhere = job.kind === 'model' && job.origin.by !== 'training' && job.origin.by !== 'wrapper';
  const engine = elsewhere ? undefined : job.kind === 'model' ? trainedOn(job.engine) : job.engine;
  const identity = job.kind === 'model' ? modelIdentity(job) : cellIdentity(job);
  return { ...job, key: keyOf({ identity, engine }) } as Keyed;
}

/** The seed of a cell's random numbers. Models share the draws of an attack, which makes the differences between them less noisy. */
export function drawsOf({ attack, threat, seed }: CellParts): string {
  return keyOf({ cell: attack.plugin, threat, seed, draw: attack.draw });
}

/** Seeds of a training's random numbers. Defenses share them: the same weights and batches at one seed, whatever is kept or measured. */
export function trainingDrawsOf({ data, arch, seed }: ModelJob): { weights: string; order: string; noise: string } {
  const draws = { data: data.plugin, seed };
  return { weights: keyOf({ weights: draws, arch }), order: keyOf({ order: draws }), noise: keyOf({ noise: draws }) };
}
