/** What plug-ins import as `rampart`: contracts, parts to build from, and TensorFlow.js. */
export type {
  Attack,
  AttackPlugin,
  AttackRun,
  Attempt,
  Ball,
  Batch,
  EnsemblePlugin,
  Loss,
  Paper,
  Passes,
  Target,
  Threat,
} from './attacks/attack.ts';
export { defineAttack, defineEnsemble } from './attacks/attack.ts';
export { crossEntropy, klDivergence, margin, targetedMargin } from './attacks/parts/losses.ts';
export { type Search, search } from './attacks/parts/search/search.ts';
export { randomStart } from './attacks/parts/start.ts';
export { momentum, type Step, steepest } from './attacks/parts/step.ts';
export { type Dataset, type DatasetPlugin, defineDataset, type Pixels, type Split } from './datasets/dataset.ts';
export { heldSplit } from './datasets/split.ts';
export {
  type DefensePlugin,
  defineDefense,
  type Objective,
  type Training,
  type TrainingBatch,
  type TrainingContext,
  type TrainingDefense,
  type WrapperDefense,
} from './defenses/defense.ts';
export { type Ascent, ascend, gaussianNoise, uniformNoise } from './defenses/parts/craft.ts';
export { RampartError } from './errors.ts';
export {
  type Architecture,
  type ArchitecturePlugin,
  type ArchSetup,
  defineArchitecture,
} from './models/architecture.ts';
export type { Classifier, Linearized } from './models/classifier.ts';
export { activate, basicBlock, convSame, preActBlock } from './models/graph/blocks.ts';
export { type Graph, GraphBuilder, type NodeId } from './models/graph/graph.ts';
export type { Activation, LayerNode } from './models/graph/layers.ts';
export { klDivergence as kl } from './tensor/fused.ts';
export { GRADIENT_NORMS, NORMS, type Norm, type NormName, norm } from './tensor/norms/index.ts';
export { Rng } from './tensor/rng.ts';
export { type Shape, tf } from './tensor/tf.ts';
