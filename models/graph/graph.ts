/** A network as data: a list of nodes in topological order, so that training, freezing, counting and engines read the same thing. */
import { RampartError } from '../../errors.ts';
import type { Shape } from '../../tensor/tf.ts';
import { isLayer, type LayerNode, layerMultiplyAdds, layerShape } from './layers.ts';
import { BN_EPS, type NodeId } from './node.ts';

export type { NodeId };

/**
 * Convolutions and pools pad symmetrically, as PyTorch does; `flatten` puts channels before rows and columns, as PyTorch does;
 * a linear layer takes `[n,in]`, or every point of `[n,h,w,in]`. `name` is PyTorch's module path.
 */
export type Node =
  | { op: 'input' }
  | { op: 'normalize'; input: NodeId; mean: readonly number[]; std: readonly number[]; name?: string }
  | { op: 'conv'; input: NodeId; name: string; inC: number; outC: number; kernel: number; stride: number; pad: number; bias: boolean }
  /** `eps` is added to the variance. */
  | { op: 'bn'; input: NodeId; name: string; channels: number; eps: number }
  | { op: 'relu'; input: NodeId }
  | { op: 'add'; inputs: readonly [NodeId, NodeId] }
  /** What lies outside of the image is below every value. */
  | { op: 'maxPool'; input: NodeId; kernel: number; stride: number; pad: number }
  | { op: 'globalAvgPool'; input: NodeId }
  | { op: 'flatten'; input: NodeId }
  | { op: 'linear'; input: NodeId; name: string; inC: number; outC: number; bias: boolean }
  | LayerNode;

export interface Graph {
  readonly nodes: readonly Node[];
  readonly inputShape: Shape;
  readonly classes: number;
  /** The logits. */
  readonly output: NodeId;
  /** What the last linear layer takes, `[n,d]`. */
  readonly features: NodeId;
  /** `normal` draws convolutions from N(0, 2/(k*k*out)) as Wide ResNets do; `transformer` every weight from N(0, 0.02^2), without biases, as ViT's code does; `torch` is PyTorch's default. */
  readonly init: 'torch' | 'normal' | 'transformer';
}

/** Appends nodes one after the other; each method returns the new node. */
export class GraphBuilder {
  readonly nodes: Node[] = [{ op: 'input' }];

  #push(node: Node): NodeId {
    return this.nodes.push(node) - 1;
  }
  normalize(input: NodeId, mean: readonly number[], std: readonly number[], name?: string): NodeId {
    return this.#push(name === undefined ? { op: 'normalize', input, mean, std } : { op: 'normalize', input, mean, std, name });
  }
  conv(
    input: NodeId,
    name: string,
    inC: number,
    outC: number,
    kernel: number,
    stride = 1,
    options: { pad?: number; bias?: boolean } = {},
  ): NodeId {
    return this.#push({
      op: 'conv',
      input,
      name,
      inC,
      outC,
      kernel,
      stride,
      pad: options.pad ?? (kernel - 1) / 2,
      bias: options.bias ?? false,
    });
  }
  bn(input: NodeId, name: string, channels: number, eps = BN_EPS): NodeId {
    return this.#push({ op: 'bn', input, name, channels, eps });
  }
  relu(input: NodeId): NodeId {
    return this.#push({ op: 'relu', input });
  }
  add(a: NodeId, b: NodeId): NodeId {
    return this.#push({ op: 'add', inputs: [a, b] });
  }
  maxPool(input: NodeId, kernel: number, stride = kernel, pad = 0): NodeId {
    return this.#push({ op: 'maxPool', input, kernel, stride, pad });
  }
  globalAvgPool(input: NodeId): NodeId {
    return this.#push({ op: 'globalAvgPool', input });
  }
  flatten(input: NodeId): NodeId {
    return this.#push({ op: 'flatten', input });
  }
  linear(input: NodeId, name: string, inC: number, outC: number, bias = true): NodeId {
    return this.#push({ op: 'linear', input, name, inC, outC, bias });
  }
  layer(node: LayerNode): NodeId {
    return this.#push(node);
  }
  /** The graph whose logits are a linear layer on `features`. */
  finish(
    features: NodeId,
    name: string,
    width: number,
    setup: { inputShape: Shape; classes: number; init?: Graph['init']; bias?: boolean },
  ): Graph {
    const output = this.linear(features, name, width, setup.classes, setup.bias);
    return { nodes: this.nodes, inputShape: setup.inputShape, classes: setup.classes, output, features, init: setup.init ?? 'torch' };
  }
}

/** The graph with another eps in every batch normalisation. */
export function withBatchNormEps(graph: Graph, eps: number): Graph {
  return { ...graph, nodes: graph.nodes.map((node) => (node.op === 'bn' ? { ...node, eps } : node)) };
}

/** The nodes that a node reads. */
export function inputsOf(node: Node): readonly NodeId[] {
  if (node.op === 'input') return [];
  return node.op === 'add' ? node.inputs : [node.input];
}

/** Height, width and channels after every node; a flat node is `[1,1,c]`. Throws for a sum of two shapes, whose gradients nobody would gather. */
export function shapesOf(graph: Graph): Shape[] {
  const shapes: Shape[] = [];
  for (const [i, node] of graph.nodes.entries()) {
    const from = shapes[inputsOf(node)[0] ?? 0] ?? graph.inputShape;
    const pooled = (size: number, k: number, s: number, p: number) => Math.floor((size + 2 * p - k) / s) + 1;
    if (node.op === 'conv')
      shapes.push([pooled(from[0], node.kernel, node.stride, node.pad), pooled(from[1], node.kernel, node.stride, node.pad), node.outC]);
    else if (node.op === 'maxPool')
      shapes.push([pooled(from[0], node.kernel, node.stride, node.pad), pooled(from[1], node.kernel, node.stride, node.pad), from[2]]);
    else if (node.op === 'globalAvgPool') shapes.push([1, 1, from[2]]);
    else if (node.op === 'flatten') shapes.push([1, 1, from[0] * from[1] * from[2]]);
    else if (node.op === 'linear') shapes.push([from[0], from[1], node.outC]);
    else if (node.op === 'add') shapes.push(sumOf(i, from, shapes[node.inputs[1]] as Shape));
    else shapes.push(isLayer(node) ? layerShape(node, from) : from);
  }
  return shapes;
}

function sumOf(node: NodeId, a: Shape, b: Shape): Shape {
  if (a.every((size, axis) => size === b[axis])) return a;
  throw new RampartError(`[model] node ${node} adds [${b.join(', ')}] to [${a.join(', ')}], expected one shape`);
}

/** Whether each node is flat, `[n,c]` rather than `[n,h,w,c]`. */
export function flatNodes(graph: Graph): boolean[] {
  const flat: boolean[] = [];
  for (const node of graph.nodes) {
    const makesFlat = node.op === 'globalAvgPool' || node.op === 'flatten' || node.op === 'classToken';
    flat.push(makesFlat || inputsOf(node).some((i) => flat[i]));
  }
  return flat;
}

/** Numbers that all nodes together hold for one image: what a pass keeps for the one back. */
export function activations(graph: Graph): number {
  return shapesOf(graph).reduce((sum, [h, w, c]) => sum + h * w * c, 0);
}

/** Multiply-adds of convolutions and linear layers for one image, forward. */
export function multiplyAdds(graph: Graph): number {
  const shapes = shapesOf(graph);
  return graph.nodes.reduce((sum, node, i) => {
    const [h, w] = shapes[i] as Shape;
    if (node.op === 'conv') return sum + h * w * node.kernel ** 2 * node.inC * node.outC;
    if (node.op === 'linear') return sum + h * w * node.inC * node.outC;
    return isLayer(node) ? sum + layerMultiplyAdds(node, shapes[node.input] as Shape, shapes[i] as Shape) : sum;
  }, 0);
}
