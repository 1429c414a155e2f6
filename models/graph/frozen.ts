/** A network compiled for attacks: batch normalisation folded into the convolutions, nothing kept for weight gradients. */
import { RampartError } from '../../errors.ts';
import { reluGrad } from '../../tensor/fused.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import type { Classifier, Linearized } from '../classifier.ts';
import { flatNodes, type Graph, inputsOf, type Node, type NodeId, shapesOf } from './graph.ts';
import { forwardLayer, isLayer, type LayerNode, layerParameters } from './layers.ts';

/**
 * Nodes of a folded graph. `relu` is fused into the node when it alone reads it. `flatten` is in the order of memory (row, column,
 * channel); the linear layer behind it has its rows to match. A linear layer that is not `flat` works on every point of `[n,h,w,c]`.
 * Tensors are owned by the graph.
 */
export type FrozenNode =
  | { op: 'input' }
  | { op: 'affine'; input: NodeId; scale: tf.Tensor1D; shift: tf.Tensor1D; relu: boolean }
  | { op: 'conv'; input: NodeId; filter: tf.Tensor4D; bias: tf.Tensor1D; stride: number; pad: number; relu: boolean }
  | { op: 'add'; inputs: readonly [NodeId, NodeId]; relu: boolean }
  | { op: 'relu'; input: NodeId }
  | { op: 'maxPool'; input: NodeId; kernel: number; stride: number; pad: number }
  | { op: 'globalAvgPool'; input: NodeId }
  | { op: 'flatten'; input: NodeId }
  | { op: 'linear'; input: NodeId; weight: tf.Tensor2D; bias: tf.Tensor1D; flat: boolean }
  | { op: 'layer'; input: NodeId; layer: LayerNode; values: ReadonlyMap<string, tf.Tensor> };

export interface FrozenGraph {
  readonly nodes: readonly FrozenNode[];
  readonly output: NodeId;
  readonly inputShape: Shape;
  readonly classes: number;
}

/** What a frozen network computes in: `bf16` has its convolutions in bfloat16, and everything behind them in float32. */
export type FrozenPrecision = 'fp32' | 'bf16';

/** An engine's compiler for folded graphs; undefined means the composed form below. It takes over the graph's tensors. */
export type GraphCompiler = (graph: FrozenGraph, precision: FrozenPrecision) => Classifier | undefined;
const compilers = new Map<string, GraphCompiler>();

/** Called by an engine when it starts, with the name of its TensorFlow.js backend. */
export function registerCompiler(backend: string, compiler: GraphCompiler): void {
  compilers.set(backend, compiler);
}

export type Value = (name: string) => tf.Tensor;
export type Normalization = (node: Node) => readonly [tf.Tensor, tf.Tensor];

/** Folds and compiles `graph` with the values as they are now. The caller owns the classifier. Throws where the engine has not that precision for it. */
export function freeze(graph: Graph, value: Value, normalization: Normalization, precision: FrozenPrecision = 'fp32'): Classifier {
  return compileFrozen(fold(graph, value, normalization), precision);
}

/** Takes over the tensors of `frozen`. Throws where the engine has not that precision for it. */
export function compileFrozen(frozen: FrozenGraph, precision: FrozenPrecision): Classifier {
  const compiled = compilers.get(tf.getBackend())?.(frozen, precision);
  if (compiled) return compiled;
  const composed = new ComposedGraph(frozen);
  if (precision === 'fp32') return composed;
  composed.dispose();
  throw new RampartError(`[model] ${tf.getBackend()} has no ${precision} for this network, which is not of convolutions alone`, {
    remedy: 'use precision: fp32',
  });
}

/** Batch normalisation in evaluation mode as `x * scale + shift`. */
function affineOf({ name, eps }: Node & { op: 'bn' }, value: Value): [scale: tf.Tensor1D, shift: tf.Tensor1D] {
  const scale = value(`${name}.weight`).mul(value(`${name}.running_var`).add(eps).rsqrt()) as tf.Tensor1D;
  return [scale, value(`${name}.bias`).sub(value(`${name}.running_mean`).mul(scale)) as tf.Tensor1D];
}

/** The folded graph, with tensors of its own. */
export function fold(graph: Graph, value: Value, normalization: Normalization): FrozenGraph {
  const readers = graph.nodes.map(() => 0);
  for (const node of graph.nodes) for (const i of inputsOf(node)) readers[i] = (readers[i] as number) + 1;
  const shapes = shapesOf(graph);
  const flat = flatNodes(graph);
  const nodes: FrozenNode[] = [];
  const at: NodeId[] = []; // where each node of `graph` ended up
  const emit = (node: FrozenNode) => nodes.push(node) - 1;
  tf.tidy(() => {
    graph.nodes.forEach((node, i) => {
      const source = inputsOf(node)[0];
      const from = source === undefined ? -1 : (at[source] as NodeId);
      const alone = source !== undefined && readers[source] === 1;
      const before = nodes[from];
      if (node.op === 'input') at[i] = emit({ op: 'input' });
      else if (node.op === 'normalize') {
        const [mean, std] = normalization(node);
        const scale = tf.div(1, std) as tf.Tensor1D;
        at[i] = emit({ op: 'affine', input: from, scale, shift: mean.mul(scale).neg() as tf.Tensor1D, relu: false });
      } else if (node.op === 'conv') {
        const filter = value(`${node.name}.weight`).clone() as tf.Tensor4D;
        const bias = node.bias ? (value(`${node.name}.bias`).clone() as tf.Tensor1D) : tf.zeros<tf.Rank.R1>([node.outC]);
        at[i] = emit({ op: 'conv', input: from, filter, bias, stride: node.stride, pad: node.pad, relu: false });
      } else if (node.op === 'bn') {
        const [scale, shift] = affineOf(node, value);
        if (alone && before?.op === 'conv' && !before.relu) {
          before.filter = before.filter.mul(scale);
          before.bias = before.bias.mul(scale).add(shift);
          at[i] = from;
        } else at[i] = emit({ op: 'affine', input: from, scale, shift, relu: false });
      } else if (node.op === 'relu') {
        if (alone && (before?.op === 'conv' || before?.op === 'add' || before?.op === 'affine') && !before.relu) {
          before.relu = true;
          at[i] = from;
        } else at[i] = emit({ op: 'relu', input: from });
      } else if (node.op === 'add')
        at[i] = emit({ op: 'add', inputs: [at[node.inputs[0]] as NodeId, at[node.inputs[1]] as NodeId], relu: false });
      else if (node.op === 'linear') {
        const image = before?.op === 'flatten' ? shapes[inputsOf(graph.nodes[source as NodeId] as Node)[0] as NodeId] : undefined;
        const weight = inMemoryOrder(value(`${node.name}.weight`) as tf.Tensor2D, image);
        const bias = node.bias ? (value(`${node.name}.bias`).clone() as tf.Tensor1D) : tf.zeros<tf.Rank.R1>([node.outC]);
        at[i] = emit({ op: 'linear', input: from, weight, bias, flat: flat[i] as boolean });
      } else if (isLayer(node)) {
        const values = new Map(layerParameters(node).map(({ name }) => [name, value(name).clone()]));
        at[i] = emit({ op: 'layer', input: from, layer: node, values });
      } else at[i] = emit({ ...node, input: from });
    });
    for (const node of nodes) for (const t of tensorsOf(node)) tf.keep(t);
  });
  return { nodes, output: at[graph.output] as NodeId, inputShape: graph.inputShape, classes: graph.classes };
}

/** Linear weights `[c*h*w,out]`, whose rows follow a flattened `[h,w,c]` image in PyTorch's order, with their rows as `[h*w*c]`. */
function inMemoryOrder(weight: tf.Tensor2D, image: Shape | undefined): tf.Tensor2D {
  if (!image) return weight.clone();
  const [h, w, c] = image;
  const byPixel = weight.reshape([c, h, w, -1]).transpose([1, 2, 0, 3]);
  return byPixel.reshape(weight.shape);
}

function tensorsOf(node: FrozenNode): tf.Tensor[] {
  if (node.op === 'affine') return [node.scale, node.shift];
  if (node.op === 'conv') return [node.filter, node.bias];
  if (node.op === 'layer') return [...node.values.values()];
  return node.op === 'linear' ? [node.weight, node.bias] : [];
}

/** The folded graph run op by op, with its backward pass written out: works on every engine. */
class ComposedGraph implements Classifier {
  readonly classes: number;
  readonly inputShape: Shape;
  readonly #graph: FrozenGraph;

  constructor(graph: FrozenGraph) {
    this.#graph = graph;
    this.classes = graph.classes;
    this.inputShape = graph.inputShape;
  }

  logits(x: tf.Tensor4D): tf.Tensor2D {
    return tf.tidy(() => {
      const values: tf.Tensor[] = [];
      for (const node of this.#graph.nodes) values.push(forward(node, values, x));
      return values[this.#graph.output] as tf.Tensor2D;
    });
  }

  linearize(x: tf.Tensor4D): Linearized {
    const { nodes, output } = this.#graph;
    const values: tf.Tensor[] = [];
    tf.tidy(() => {
      for (const node of nodes) values.push(node.op === 'input' ? x : tf.keep(forward(node, values, x)));
    });
    const pullback = (dlogits: tf.Tensor2D): tf.Tensor4D =>
      tf.tidy(() => {
        const grads: (tf.Tensor | undefined)[] = nodes.map(() => undefined);
        grads[output] = dlogits;
        for (let i = nodes.length - 1; i > 0; i--) {
          const node = nodes[i] as FrozenNode;
          const dy = grads[i];
          if (!dy || node.op === 'input') continue;
          for (const [source, dx] of backward(node, dy, values[i] as tf.Tensor, values)) {
            const sum = grads[source];
            grads[source] = sum ? sum.add(dx) : dx;
          }
        }
        return (grads[0] ?? tf.zerosLike(x)) as tf.Tensor4D;
      });
    // values[0] is the caller's x
    return { logits: values[output] as tf.Tensor2D, pullback, dispose: () => tf.dispose(values.slice(1)) };
  }

  dispose(): void {
    for (const node of this.#graph.nodes) tf.dispose(tensorsOf(node));
  }
}

function forward(node: FrozenNode, values: readonly tf.Tensor[], x: tf.Tensor4D): tf.Tensor {
  if (node.op === 'input') return x;
  if (node.op === 'add') {
    const sum = tf.add(values[node.inputs[0]] as tf.Tensor, values[node.inputs[1]] as tf.Tensor);
    return node.relu ? tf.relu(sum) : sum;
  }
  const input = values[node.input] as tf.Tensor4D;
  switch (node.op) {
    case 'affine': {
      const y = input.mul(node.scale).add(node.shift);
      return node.relu ? tf.relu(y) : y;
    }
    case 'conv':
      return tf.fused.conv2d({
        x: input,
        filter: node.filter,
        strides: node.stride,
        pad: node.pad,
        dimRoundingMode: 'floor',
        bias: node.bias,
        activation: node.relu ? 'relu' : 'linear',
      });
    case 'relu':
      return tf.relu(input);
    case 'maxPool':
      return tf.maxPool(input, node.kernel, node.stride, node.pad, 'floor');
    case 'globalAvgPool':
      return input.mean([1, 2]);
    case 'flatten':
      return input.reshape([input.shape[0], -1]);
    case 'linear':
      return pointwise(input, (rows) => tf.matMul(rows, node.weight).add(node.bias));
    case 'layer':
      return forwardLayer(node.layer, input, valueIn(node));
  }
}

const valueIn =
  ({ values }: FrozenNode & { op: 'layer' }) =>
  (name: string) =>
    values.get(name) as tf.Tensor;

/** A function of rows `[m,in]` on the last axis of `x`, whatever comes before. */
function pointwise(x: tf.Tensor, f: (rows: tf.Tensor2D) => tf.Tensor): tf.Tensor {
  if (x.rank === 2) return f(x as tf.Tensor2D);
  const y = f(x.reshape([-1, x.shape[x.rank - 1] as number]) as tf.Tensor2D);
  return y.reshape([...x.shape.slice(0, -1), y.shape[1] as number]);
}

/** Gradients with respect to the inputs of a node, `dy` and `y` being those of its output. */
function backward(
  node: Exclude<FrozenNode, { op: 'input' }>,
  dyIn: tf.Tensor,
  y: tf.Tensor,
  values: readonly tf.Tensor[],
): [NodeId, tf.Tensor][] {
  const dy = 'relu' in node && node.relu ? reluGrad(dyIn, y) : dyIn;
  if (node.op === 'add') return node.inputs.map((i) => [i, dy]);
  const x = values[node.input] as tf.Tensor4D;
  switch (node.op) {
    case 'affine':
      return [[node.input, dy.mul(node.scale)]];
    case 'conv': {
      const attrs = {
        strides: [node.stride, node.stride],
        pad: node.pad,
        dataFormat: 'NHWC',
        dimRoundingMode: 'floor',
        inputShape: x.shape,
      };
      const dx = tf.engine().runKernel('Conv2DBackpropInput', { dy, filter: node.filter }, attrs as unknown as tf.NamedAttrMap);
      return [[node.input, dx as unknown as tf.Tensor]];
    }
    case 'relu':
      return [[node.input, reluGrad(dy, y)]];
    case 'maxPool': {
      const attrs = {
        filterSize: [node.kernel, node.kernel],
        strides: [node.stride, node.stride],
        pad: node.pad,
        dimRoundingMode: 'floor',
      };
      const dx = tf.engine().runKernel('MaxPoolGrad', { dy, input: x, output: y }, attrs as unknown as tf.NamedAttrMap);
      return [[node.input, dx as unknown as tf.Tensor]];
    }
    case 'globalAvgPool': {
      const [n, h, w, c] = x.shape;
      return [[node.input, tf.tile(dy.reshape([n, 1, 1, c]).div(h * w), [1, h, w, 1])]];
    }
    case 'flatten':
      return [[node.input, dy.reshape(x.shape)]];
    case 'linear':
      return [[node.input, pointwise(dy, (rows) => tf.matMul(rows, node.weight, false, true))]];
    case 'layer':
      // by the tape, which runs the layer again
      return [[node.input, tf.grad((input: tf.Tensor) => forwardLayer(node.layer, input, valueIn(node)))(x, dy)]];
  }
}
