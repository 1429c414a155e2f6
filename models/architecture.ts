/** The contract of an architecture: a graph of layers with PyTorch's names, for any input shape and class count. */
import type { ZodType } from 'zod';
import type { Shape } from '../tensor/tf.ts';
import type { Graph } from './graph/graph.ts';

export interface ArchSetup {
  readonly inputShape: Shape;
  readonly classes: number;
  /** Per-channel normalisation inside the classifier. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** An architecture with all its parameters given. */
export interface Architecture {
  /** Its family. */
  readonly plugin: ArchitecturePlugin;
  /** `wrn-28-10`, or `preact-resnet-18 shortcut=raw` where parameters are not in the name: what suites, records and keys call it. */
  readonly name: string;
  readonly title: string;
  /** Raised when the same name would be another network. */
  readonly version: number;
  readonly unread?: readonly string[];
  readonly renamings?: readonly ((name: string) => string | undefined)[];
  graph(setup: ArchSetup): Graph;
}

/** A family of architectures: one file, one default export. */
export interface ArchitecturePlugin<P = unknown> {
  readonly name: string;
  readonly title: string;
  /** Authors, year and arXiv number or venue. */
  readonly paper: string;
  readonly version: number;
  /** Every parameter with its default. */
  readonly params: ZodType<P>;
  /** Members that people use, by name, with the height and width of the images that they are made for. */
  readonly members: Readonly<Record<string, number>>;
  /** The parameters that a name such as `wrn-70-16`, or one of public code, stands for; undefined where it is none of this family. The family's own name needs none. */
  parse?(name: string): Partial<P> | undefined;
  /** The canonical name of those, without the parameters that `parse` does not read from it. */
  nameOf?(params: P): string;
  /** Prefixes of entries that public code saves with these networks and never reads in a forward pass. */
  readonly unread?: readonly string[];
  /** Names that other public code gives the same parameters; each returns undefined for a name that it does not have. */
  readonly renamings?: readonly ((name: string) => string | undefined)[];
  graph(params: P, setup: ArchSetup): Graph;
}

/** Keeps the type of the parameters inside the file of a plug-in, for the table that holds many. */
export function defineArchitecture<P>(plugin: ArchitecturePlugin<P>): ArchitecturePlugin {
  return plugin as unknown as ArchitecturePlugin;
}
