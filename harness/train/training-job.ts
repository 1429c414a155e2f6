/** What a training is given and what it gives back. */
import type { Threat } from '../../attacks/attack.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import type { TrainingDefense } from '../../defenses/defense.ts';
import type { Architecture, ArchSetup } from '../../models/architecture.ts';
import type { Network } from '../../models/network.ts';
import type { Entry } from '../../models/safetensors.ts';
import type { Epoch, Flag } from '../../records/record.ts';
import type { Checkpoint } from '../../records/store.ts';
import type { Rng } from '../../tensor/rng.ts';
import { normalizationOf, type Recipe } from '../suite/recipe.ts';
import type { Cost } from './facts.ts';
import type { Point, WantedPoints } from './points.ts';

/** Where the random numbers of a training come from. Trainings that share a stream draw the same there, whatever else they differ in. */
export interface TrainingDraws {
  /** Initial weights of the network. */
  readonly weights: Rng;
  /** Order of the images in every epoch, and their crops and flips. */
  readonly order: Rng;
  /** Noise of crafting and validation, and what the defense draws once. */
  readonly noise: Rng;
}

export interface TrainingProgress {
  /** From 0. */
  readonly epoch: number;
  readonly epochs: number;
  /** Images of this epoch seen, of how many. */
  readonly done: number;
  readonly total: number;
  readonly loss: number;
}

export interface TrainingJob {
  /** The model's, for messages. */
  readonly name: string;
  readonly dataset: Dataset;
  /** A name is that of one of this package. */
  readonly arch: string | Architecture;
  readonly defense: TrainingDefense;
  /** As `defense.params` parsed them. */
  readonly params: unknown;
  readonly threat: Threat;
  readonly recipe: Recipe;
  readonly draws: TrainingDraws;
  /** The state after every epoch; a saved one is continued bit for bit. */
  readonly checkpoint?: Pick<Checkpoint, 'load' | 'save'>;
  /** Whether the weights of the final epoch are wanted beside the kept ones. */
  readonly alsoLast?: boolean;
  /** The same training ended earlier, where that is wanted too. */
  readonly points?: WantedPoints;
  readonly signal: AbortSignal;
  onProgress?(progress: TrainingProgress): void;
}

export interface TrainingResult {
  /** With the kept weights. The caller owns it. */
  readonly network: Network;
  /** The weights of the final epoch, where they were asked for. */
  readonly last?: ReadonlyMap<string, Entry>;
  /** Those that were asked for and noted: a state of before they were has none. */
  readonly points: readonly Point[];
  readonly epochs: Epoch[];
  /** The epoch whose weights were kept; absent without a validation split. */
  readonly bestEpoch?: number;
  readonly cost: Cost;
  readonly flags: Flag[];
}

/** What the network of a training is made for, with the normalisation that the recipe asks for. */
export function archSetup({ dataset, recipe }: Pick<TrainingJob, 'dataset' | 'recipe'>): ArchSetup {
  return { inputShape: dataset.shape, classes: dataset.classNames.length, ...normalizationOf(dataset, recipe.normalize) };
}
