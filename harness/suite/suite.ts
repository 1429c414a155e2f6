/** The nouns of a suite as a run needs it: checked against every plug-in's schema, labelled, and free of impossible pairs. */
import type { AttackPlugin, Threat } from '../../attacks/attack.ts';
import type { Severity } from '../../corruptions/corruption.ts';
import type { NormName } from '../../tensor/norms/index.ts';
import type { SuiteModel } from './models.ts';
import type { Recipe } from './recipe.ts';
import type { PluginRef } from './registry.ts';
import type { SuiteFile } from './schema.ts';
import type { Selection } from './selection.ts';

/** No attack: the cell of the clean accuracy. */
export const CLEAN: PluginRef = { name: 'clean', version: 1, params: {} };

/** No attack either: the cell of a corruption, which its threat names. */
export const CORRUPTED: PluginRef = { name: 'corruption', version: 1, params: {} };

export interface SuiteDataset {
  readonly label: string;
  readonly ref: PluginRef;
  /** Images of each split; all of them when absent. */
  readonly select: { readonly train?: Selection; readonly test?: Selection };
  /** Those of the suite that are trained on it; all when absent. */
  readonly architectures?: readonly string[];
}

export interface SuiteThreat {
  readonly norm: NormName;
  /** Growing radii: several make a security curve. */
  readonly radii: readonly number[];
  /** The radius that models train at, one of `radii`. */
  readonly main: number;
}

/** Every model under each of these corruptions at each of these severities. */
export interface SuiteCorruptions {
  readonly names: readonly string[];
  readonly severities: readonly Severity[];
  /** What frost is made of, and its SHA-256. */
  readonly photographs?: { readonly bytes: Uint8Array; readonly hash: string } | undefined;
}

/** One pair of data set and architecture that a defense is trained on. */
export interface Training {
  /** The label of the data set. */
  readonly dataset: string;
  readonly architecture: string;
  /** Of the first of the defense's checkpoints. */
  readonly recipe: Recipe;
}

export interface SuiteDefense {
  readonly label: string;
  readonly kind: 'training' | 'wrapper';
  readonly ref: PluginRef;
  readonly threat: Threat;
  /** Data set by data set; of a wrapper none. */
  readonly trainings: readonly Training[];
  /** Epochs whose weights are models, best first; of a wrapper none. */
  readonly checkpoints: readonly Recipe['keep'][];
  /** What its parameters are chosen from, with the values that are tried in words, by trials of this many passes per training image together. */
  readonly tune?: { readonly budget: number; readonly candidates: readonly { readonly ref: PluginRef; readonly given: string }[] };
  /** Labels of the defenses that a wrapper is put around. */
  readonly around: readonly string[];
}

export interface SuiteAttack {
  readonly label: string;
  readonly ref: PluginRef;
  readonly access: AttackPlugin['access'];
  /** Whether it asks for features. */
  readonly features?: true | undefined;
  /** The first n of the suite's test images, or images by their index in the data set; all when absent. */
  readonly n?: number | Selection;
  /** Which of several runs with other random numbers it is, from 1; absent for the first. */
  readonly draw?: number;
  /** Forward and backward passes per image together; no limit when absent. */
  readonly budget?: number;
  /** Norms it runs in. */
  readonly norms: readonly NormName[];
  /** Labels of the models that it runs on; all when absent. */
  readonly models?: readonly string[];
  /** Labels of the models that it transfers from. */
  readonly sources: readonly string[];
}

/** Which epochs of every training are attacked beside the kept one, and by what. */
type SuiteCurve = NonNullable<SuiteFile['curve']>;

export interface Suite {
  readonly file: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Absolute paths of plug-in files. */
  readonly plugins: readonly string[];
  readonly datasets: readonly SuiteDataset[];
  readonly threats: readonly SuiteThreat[];
  readonly corruptions?: SuiteCorruptions;
  readonly architectures: readonly string[];
  readonly defenses: readonly SuiteDefense[];
  readonly models: readonly SuiteModel[];
  readonly attacks: readonly SuiteAttack[];
  readonly curve?: SuiteCurve;
  readonly seeds: readonly number[];
  readonly engine: SuiteFile['engine'];
  readonly diagnosis: SuiteFile['diagnosis'];
  readonly keepExamples: number;
  /** What the site holds for a reader who checks it. */
  readonly publish?: { readonly adversarial: number; readonly weights: boolean } | undefined;
  readonly timeoutMinutes: number;
}
