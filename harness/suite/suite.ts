/** The nouns of a suite as a run needs it: checked against every plug-in's schema, labelled, and free of impossible pairs. */
import type { AttackPlugin, Threat } from '../../attacks/attack.ts';
import type { Normalization } from '../../models/import/import.ts';
import type { NormName } from '../../tensor/norms/index.ts';
import type { Recipe } from './recipe.ts';
import type { PluginRef } from './registry.ts';
import type { SuiteFile } from './schema.ts';
import type { Selection } from './selection.ts';

/** No attack: the cell of the clean accuracy. */
export const CLEAN: PluginRef = { name: 'clean', version: 1, params: {} };

export interface SuiteDataset {
  readonly label: string;
  readonly ref: PluginRef;
  /** Images of each split; all of them when absent. */
  readonly select: { readonly train?: Selection; readonly test?: Selection };
}

export interface SuiteThreat {
  readonly norm: NormName;
  /** Growing radii: several make a security curve. */
  readonly radii: readonly number[];
  /** The radius that models train at, one of `radii`. */
  readonly main: number;
}

export interface SuiteDefense {
  readonly label: string;
  readonly kind: 'training' | 'wrapper';
  readonly ref: PluginRef;
  readonly threat: Threat;
  readonly recipe: Recipe;
  /** Architectures of the suite that it is trained in. */
  readonly architectures: readonly string[];
  /** Labels of the defenses that a wrapper is put around. */
  readonly around: readonly string[];
}

/** The clean accuracy that a model from elsewhere must have: checked before any attack. */
export interface Expectation {
  /** On the test images in [0,1], and how far from it the measured one may be. */
  readonly clean: number;
  readonly tolerance: number;
}

/** Logits that a model from elsewhere must give: checked before any attack. */
export interface Reference {
  /** Absolute path of the file that holds them. */
  readonly file: string;
  /** Of the largest logit; the engine's unless given. */
  readonly tolerance?: number;
}

export interface SuiteModel {
  readonly name: string;
  /** Absolute path. */
  readonly weights: string;
  readonly arch: string;
  /** Label of its data set. */
  readonly dataset: string;
  readonly title: string;
  readonly paper: string;
  readonly extraData: boolean;
  /** As its user states it, `none` for images as they are; absent where the file states it. */
  readonly normalization?: 'none' | Normalization;
  /** Of its batch normalisations; the family's where absent. */
  readonly bnEps?: number;
  readonly expect?: Expectation;
  readonly reference?: Reference;
}

export interface SuiteAttack {
  readonly label: string;
  readonly ref: PluginRef;
  readonly access: AttackPlugin['access'];
  /** The first n of the suite's test images, or images by their index in the data set; all when absent. */
  readonly n?: number | Selection;
  /** Norms it runs in. */
  readonly norms: readonly NormName[];
  /** Labels of the models that it runs on; all when absent. */
  readonly models?: readonly string[];
  /** Labels of the models that it transfers from. */
  readonly sources: readonly string[];
}

export interface Suite {
  readonly file: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Absolute paths of plug-in files. */
  readonly plugins: readonly string[];
  readonly datasets: readonly SuiteDataset[];
  readonly threats: readonly SuiteThreat[];
  readonly architectures: readonly string[];
  readonly defenses: readonly SuiteDefense[];
  readonly models: readonly SuiteModel[];
  readonly attacks: readonly SuiteAttack[];
  readonly seeds: readonly number[];
  readonly engine: SuiteFile['engine'];
  readonly keepExamples: number;
  readonly timeoutMinutes: number;
}

/** What a model's user states of its normalisation, for images of so many channels; undefined where the file is to state it. */
export function normalizationOf({ normalization }: Pick<SuiteModel, 'normalization'>, channels: number): Normalization | undefined {
  if (normalization !== 'none') return normalization;
  return { mean: Array.from({ length: channels }, () => 0), std: Array.from({ length: channels }, () => 1) };
}
