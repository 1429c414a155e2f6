/** A network in training as one operation: an engine that can runs it whole, forward and backward, instead of node by node. */
import { tf } from '../../tensor/tf.ts';
import type { Graph, Node } from './graph.ts';

/** What the gradients of a pass will be asked for. A hint for speed: whatever is asked for is right. */
export type Wanted = 'parameters' | 'input' | 'both';

export interface TrainingValues {
  /** A parameter by PyTorch name, `[k,k,in,out]`, `[in,out]` or `[c]`. */
  value(name: string): tf.Tensor;
  /** Mean and standard deviation of a `normalize` node, `[c]` or `[1,c,1,1]`. */
  normalization(node: Node): readonly [tf.Tensor, tf.Tensor];
}

/** The forward pass of a graph in training mode, up to its features. */
export interface TrainingProgram {
  /** Its normalisations, in the order of the statistics that `run` returns. */
  readonly norms: readonly { readonly name: string; readonly channels: number }[];
  /**
   * Features `[n,d]` of `x` `[n,h,w,c]`, on the tape, and mean and biased variance of every normalisation one after the other, `[sum of
   * channels]` each. To be called in a tidy; parameters may change while the features are alive.
   */
  run(x: tf.Tensor4D, values: TrainingValues, wanted: Wanted): { features: tf.Tensor2D; means: tf.Tensor1D; variances: tf.Tensor1D };
}

/** An engine's compiler for training; undefined where it cannot run this graph. */
export type TrainingCompiler = (graph: Graph) => TrainingProgram | undefined;
const compilers = new Map<string, TrainingCompiler>();

/** Called by an engine when it starts, with the name of its TensorFlow.js backend. */
export function registerTrainingCompiler(backend: string, compiler: TrainingCompiler): void {
  compilers.set(backend, compiler);
}

/** `graph` compiled for the engine in use, or undefined where it has no compiler for it. */
export function compileTraining(graph: Graph): TrainingProgram | undefined {
  return compilers.get(tf.getBackend())?.(graph);
}
