/** The operations of the native addon on whole networks: passes forward and back, which it holds by numbers of their own. */
import type { Output, Slot } from './slot.ts';

/** A forward pass in training inside the addon, until it is released. */
export type Pass = number;

/** A frozen network or a TorchScript module inside the addon, until it is unloaded; a forward pass through one, until it is released. */
export type Graph = number;
export type GraphPass = number;
export type Script = number;
export type ScriptPass = number;

export interface PassOps {
  /** `program`: ten numbers a node (native/program.h). The pass holds what its gradients need. */
  trainForward(program: number[], weights: Slot[], x: Slot): Pass;
  /** `[features, means, variances]`. */
  trainOutputs(pass: Pass): Output[];
  /** Computes gradients, which the pass then holds. */
  trainBackward(pass: Pass, dy: Slot, ofInput: boolean, ofWeights: boolean): void;
  /** Of the weight at a place in the list, of the input for -1. */
  trainGradient(pass: Pass, place: number): Output;
  trainRelease(pass: Pass): void;
  /** Takes a frozen network over, weights included. `program`: ten numbers a node (native/program.h); `low`: convolutions in bfloat16. */
  graphLoad(program: number[], weights: Slot[], output: number, low: boolean): Graph;
  graphUnload(graph: Graph): void;
  graphLogits(graph: Graph, x: Slot): Output;
  graphForward(graph: Graph, x: Slot): GraphPass;
  graphOutput(pass: GraphPass): Output;
  graphPullback(pass: GraphPass, dlogits: Slot): Output;
  graphRelease(pass: GraphPass): void;
  /** How passes of frozen networks are replayed: `off`, `on` (as CUDA graphs, on a GPU), or `again`, which stands in for these in tests. */
  graphReplays(mode: string): void;
  /** Passes that were replayed since then, forward and back. */
  graphReplayed(): number;
  /** Runs what the file says at load. */
  scriptLoad(file: Uint8Array): Script;
  /** How many of its convolutions are the addon's own. */
  scriptConvolutions(script: Script): number;
  /** How many numbers it was trained in. */
  scriptParameters(script: Script): number;
  scriptUnload(script: Script): void;
  /** `x` `[n,h,w,c]`; `[n,classes]`, float32. */
  scriptLogits(script: Script, x: Slot): Output;
  scriptForward(script: Script, x: Slot): ScriptPass;
  scriptOutput(pass: ScriptPass): Output;
  scriptPullback(pass: ScriptPass, dlogits: Slot): Output;
  scriptRelease(pass: ScriptPass): void;
  /** Throws what libtorch throws where memory is out: `allocator`, `runtime`, `cudnn`, `cublas` or `heap`. For tests. */
  failFor(kind: string): void;
  /** A number to note values under; those of long ago come again. */
  finiteWatch(): number;
  finiteNote(watch: number, values: Slot): void;
  /** Whether all values noted were finite, as of the last read. */
  finiteKnown(watch: number): boolean;
  /** Waits for what was noted; false where there was nothing to wait for. */
  finiteSettle(): boolean;
}
