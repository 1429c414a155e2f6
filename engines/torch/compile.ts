/** The compiler for frozen networks: the whole forward pass, and the whole backward pass, in one call each. */
import { RampartError } from '../../errors.ts';
import type { Classifier, Linearized } from '../../models/classifier.ts';
import type { FrozenGraph, FrozenNode, FrozenPrecision } from '../../models/graph/frozen.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import { FROZEN_KINDS } from './agree.ts';
import type { TorchBackend } from './backend.ts';
import type { Graph } from './passes.ts';
import type { Slot } from './slot.ts';

interface Program {
  readonly code: number[];
  readonly weights: tf.Tensor[];
}

/** Ten numbers a node: kind, inputs, relu, stride, padding or window, places of up to two weights, one for later use, the padding of a pool. */
function encode(graph: FrozenGraph): Program {
  const code: number[] = [];
  const weights: tf.Tensor[] = [];
  const place = (t: tf.Tensor) => weights.push(t) - 1;
  for (const node of graph.nodes) {
    const [a, b] = node.op === 'input' ? [-1, -1] : node.op === 'add' ? node.inputs : [node.input, -1];
    const relu = 'relu' in node && node.relu ? 1 : 0;
    let [stride, window, first, second, pad] = [1, 0, -1, -1, -1];
    if (node.op === 'conv') [stride, window, first, second] = [node.stride, node.pad, place(node.filter), place(node.bias)];
    else if (node.op === 'affine') [first, second] = [place(node.scale), place(node.shift)];
    else if (node.op === 'linear') [first, second] = [place(node.weight), place(node.bias)];
    else if (node.op === 'maxPool') [stride, window, pad] = [node.stride, node.kernel, node.pad];
    code.push(FROZEN_KINDS.indexOf(node.op), a, b, relu, stride, window, first, second, -1, pad);
  }
  return { code, weights };
}

class CompiledGraph implements Classifier {
  readonly classes: number;
  readonly inputShape: Shape;
  readonly #torch: TorchBackend;
  readonly #graph: Graph;

  constructor(graph: FrozenGraph, torch: TorchBackend, precision: FrozenPrecision) {
    const { code, weights } = encode(graph);
    this.classes = graph.classes;
    this.inputShape = graph.inputShape;
    this.#torch = torch;
    const slots = weights.map((t) => torch.slot(t));
    this.#graph = torch.ops.graphLoad(code, slots, graph.output, precision === 'bf16');
    // the addon has taken their data over
    tf.dispose(weights);
  }

  /** Refused here, where the message can say which shape was expected. */
  #input(x: tf.Tensor4D): Slot {
    const [h, w, c] = this.inputShape;
    if (x.shape.length !== 4 || x.shape[1] !== h || x.shape[2] !== w || x.shape[3] !== c || x.dtype !== 'float32')
      throw new RampartError(`[torch] a frozen network expected float32 [n, ${h}, ${w}, ${c}], got ${x.dtype} [${x.shape.join(', ')}]`);
    return this.#torch.slot(x);
  }

  logits(x: tf.Tensor4D): tf.Tensor2D {
    return this.#torch.tensor(this.#torch.ops.graphLogits(this.#graph, this.#input(x))) as tf.Tensor2D;
  }

  linearize(x: tf.Tensor4D): Linearized {
    const torch = this.#torch;
    const pass = torch.ops.graphForward(this.#graph, this.#input(x));
    const logits = tf.keep(torch.tensor(torch.ops.graphOutput(pass)) as tf.Tensor2D);
    let disposed = false;
    return {
      logits,
      pullback: (dlogits) => torch.tensor(torch.ops.graphPullback(pass, torch.slot(dlogits))) as tf.Tensor4D,
      dispose: () => {
        if (disposed) return;
        disposed = true;
        logits.dispose();
        torch.ops.graphRelease(pass);
      },
    };
  }

  dispose(): void {
    this.#torch.ops.graphUnload(this.#graph);
  }
}

/** Whether native/graph.cc has this node. */
function isNative(node: FrozenNode): boolean {
  if (node.op === 'linear') return node.flat;
  return FROZEN_KINDS.includes(node.op);
}

/** Compiles `graph` for this backend and takes over its tensors; undefined, and nothing is taken over, where a node of it is not native. */
export function compile(graph: FrozenGraph, torch: TorchBackend, precision: FrozenPrecision): Classifier | undefined {
  return graph.nodes.every(isNative) ? new CompiledGraph(graph, torch, precision) : undefined;
}
