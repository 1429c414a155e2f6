/** The contract of an architecture: a graph of layers with PyTorch's names, for any input shape and class count. */
import type { Shape } from '../tensor/tf.ts';
import type { Graph } from './graph.ts';

export interface ArchSetup {
  readonly inputShape: Shape;
  readonly classes: number;
  /** Per-channel normalisation inside the classifier. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface Architecture {
  readonly name: string;
  readonly title: string;
  /** Raised when the same name would be another network. */
  readonly version: number;
  graph(setup: ArchSetup): Graph;
}
