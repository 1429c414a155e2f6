/** A network in training: parameters and batch statistics as variables, forward passes on the tape of TensorFlow.js. */
import { RampartError } from '../errors.ts';
import { batchNormTrain, moveStatistics, relu } from '../tensor/fused.ts';
import type { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';
import * as twice from '../tensor/twice.ts';
import type { Classifier } from './classifier.ts';
import { freezeInParts } from './graph/features.ts';
import { type FrozenPrecision, freeze } from './graph/frozen.ts';
import { type Graph, type Node, type NodeId, shapesOf } from './graph/graph.ts';
import { forwardLayer, isLayer, layerInitial } from './graph/layers.ts';
import type { Parameter } from './graph/node.ts';
import { checkEntries, parametersOf } from './graph/parameters.ts';
import { compileTraining, type TrainingProgram, type Wanted } from './graph/training.ts';
import type { Entry } from './safetensors.ts';

const BN_MOMENTUM = 0.1;
/** Standard deviation of initial weights (Dosovitskiy et al. 2021, arXiv 2010.11929, as timm and others have it). */
const TRANSFORMER_SCALE = 0.02;

/** A parameter, and where it lives here. */
interface Slot extends Parameter {
  readonly variable: tf.Variable;
}

/** Batch statistics of one forward pass, or of one normalisation in it, kept by whoever asked for them. */
export interface Moments {
  /** The normalisations, with the values per channel that each saw. */
  readonly layers: readonly { readonly name: string; readonly count: number }[];
  /** Of all layers one after the other, `[sum of channels]`. */
  readonly mean: tf.Tensor1D;
  /** Biased, as `mean`. */
  readonly variance: tf.Tensor1D;
}

/** How `Network.forward` normalises. */
export interface Mode {
  readonly training: boolean;
  /** Gets the batch statistics, for `moveStatistics`; whoever gave the list disposes of them. */
  readonly record?: Moments[];
  /** What will be differentiated. */
  readonly wanted?: Wanted;
  /** The running statistics stay where they are: those of this pass have moved them before. */
  readonly still?: boolean;
  /** Of operations whose gradients have gradients; throws where a layer has none. */
  readonly twice?: boolean;
}

export class Network implements Classifier {
  readonly arch: string;
  readonly graph: Graph;
  /** Trainable parameters by PyTorch name: convolutions `[k,k,in,out]`, linear weights `[in,out]`, the rest `[c]`. */
  readonly params = new Map<string, tf.Variable>();
  /** Running statistics and normalisation by PyTorch name, not trained. */
  readonly buffers = new Map<string, tf.Variable>();
  /** Examples that went through `forward` so far, for cost accounting. */
  forwarded = 0;
  readonly #slots = new Map<string, Slot>();
  readonly #norms = new Map<Node, readonly [tf.Variable, tf.Variable]>();
  /** Points of one image that each normalisation sees. */
  readonly #areas = new Map<string, number>();
  /** Of each backend that this network ran on. */
  readonly #programs = new Map<string, TrainingProgram | undefined>();

  constructor(arch: string, graph: Graph, rng: Rng) {
    this.arch = arch;
    this.graph = graph;
    for (const node of graph.nodes) this.#allocate(node, rng);
    const shapes = shapesOf(graph);
    for (const [i, node] of graph.nodes.entries())
      if (node.op === 'bn') this.#areas.set(node.name, (shapes[i]?.[0] ?? 0) * (shapes[i]?.[1] ?? 0));
  }

  get classes(): number {
    return this.graph.classes;
  }
  get inputShape() {
    return this.graph.inputShape;
  }
  /** Images that a batch in training must hold: a normalisation needs two values per channel, as PyTorch's does. */
  get smallestBatch(): number {
    return [...this.#areas.values()].includes(1) ? 2 : 1;
  }
  /** Trainable parameters, counted. */
  get parameterCount(): number {
    return [...this.params.values()].reduce((n, v) => n + v.size, 0);
  }

  #allocate(node: Node, rng: Rng): void {
    const values = this.#initial(node, rng);
    for (const [i, parameter] of parametersOf(node).entries()) {
      const { name, shape, layout, trainable } = parameter;
      const variable = tf.tidy(() => tf.variable(toLocal(values[i] as Float32Array, shape, layout), false));
      variable.trainable = trainable;
      this.#slots.set(name, { ...parameter, variable });
      (trainable ? this.params : this.buffers).set(name, variable);
    }
    if (node.op !== 'normalize') return;
    const own = (what: string, values: readonly number[]) =>
      this.buffers.get(`${node.name}${what}`) ?? tf.tidy(() => tf.variable(tf.tensor1d([...values]), false));
    this.#norms.set(node, [own('mean', node.mean), own('std', node.std)]);
  }

  /** Initial values of a node's parameters, in the order of `parametersOf`. */
  #initial(node: Node, rng: Rng): Float32Array[] {
    if (node.op === 'normalize') return [Float32Array.from(node.mean), Float32Array.from(node.std)];
    if (node.op === 'bn') {
      const c = node.channels;
      return [new Float32Array(c).fill(1), new Float32Array(c), new Float32Array(c), new Float32Array(c).fill(1)];
    }
    if (isLayer(node)) return layerInitial(node, rng);
    if (node.op !== 'conv' && node.op !== 'linear') return [];
    const k = node.op === 'conv' ? node.kernel : 1;
    const fanIn = node.inC * k * k;
    const size = node.outC * fanIn;
    const bound = 1 / Math.sqrt(fanIn);
    const own = rng.fork(node.name);
    if (this.graph.init === 'transformer')
      return [own.normal(size).map((v) => v * TRANSFORMER_SCALE), ...(node.bias ? [new Float32Array(node.outC)] : [])];
    const weight =
      node.op === 'conv' && this.graph.init === 'normal'
        ? own.normal(size).map((v) => v * Math.sqrt(2 / (k * k * node.outC)))
        : own.uniform(size, -bound, bound);
    return node.bias ? [weight, own.uniform(node.outC, -bound, bound)] : [weight];
  }

  #v(name: string): tf.Variable {
    return (this.params.get(name) ?? this.buffers.get(name)) as tf.Variable;
  }

  /**
   * Logits `[n,classes]` and features `[n,d]` of `x` `[n,h,w,c]`, on the tape. In training mode batch statistics normalise
   * and the running ones move as PyTorch's do (momentum 0.1, unbiased variance); `record` gets those of every layer, for `moveStatistics`.
   * Call it in a tidy.
   */
  forward(x: tf.Tensor4D, mode: Mode): { logits: tf.Tensor2D; features: tf.Tensor2D } {
    this.forwarded += x.shape[0];
    const program = mode.training && !mode.twice ? this.#program() : undefined;
    if (program) return this.#runWhole(program, x, mode);
    const values: tf.Tensor[] = [];
    for (const node of this.graph.nodes) values.push(this.#apply(node, values, x, mode));
    return { logits: values[this.graph.output] as tf.Tensor2D, features: values[this.graph.features] as tf.Tensor2D };
  }

  #program(): TrainingProgram | undefined {
    const backend = tf.getBackend();
    if (!this.#programs.has(backend)) this.#programs.set(backend, compileTraining(this.graph));
    return this.#programs.get(backend);
  }

  #runWhole(program: TrainingProgram, x: tf.Tensor4D, mode: Mode): { logits: tf.Tensor2D; features: tf.Tensor2D } {
    const values = {
      value: (name: string) => this.#v(name),
      normalization: (node: Node) => this.#norms.get(node) as readonly [tf.Variable, tf.Variable],
    };
    const { features, means, variances } = program.run(x, values, mode.wanted ?? 'both');
    const layers = program.norms.map(({ name }) => ({ name, count: x.shape[0] * (this.#areas.get(name) as number) }));
    this.#seen({ layers, mean: means, variance: variances }, mode);
    const last = this.graph.nodes[this.graph.output] as Node;
    return { logits: this.#apply(last, { [this.graph.features]: features }, x, { training: true }) as tf.Tensor2D, features };
  }

  /** The running statistics move, and the batch's are kept for whoever asked. */
  #seen(moments: Moments, { record, still }: Mode): void {
    if (!still) this.moveStatistics(moments);
    record?.push({ ...moments, mean: tf.keep(moments.mean.clone()), variance: tf.keep(moments.variance.clone()) });
  }

  #apply(node: Node, values: Readonly<Record<NodeId, tf.Tensor>>, x: tf.Tensor4D, mode: Mode): tf.Tensor {
    if (node.op === 'input') return x;
    if (node.op === 'add') return tf.add(values[node.inputs[0]] as tf.Tensor, values[node.inputs[1]] as tf.Tensor);
    const input = values[node.input] as tf.Tensor4D;
    if (mode.twice && differentiableOnce(node))
      throw new RampartError(`[network ${this.arch}] its ${node.op} has no second derivative here`, {
        remedy: 'train a residual network with the stem of CIFAR',
      });
    if (isLayer(node)) return forwardLayer(node, input, (name) => this.#v(name));
    switch (node.op) {
      case 'normalize': {
        const [mean, std] = this.#norms.get(node) as [tf.Variable, tf.Variable];
        return input.sub(mean).div(std);
      }
      case 'conv': {
        const y = tf.conv2d(input, this.#v(`${node.name}.weight`) as tf.Tensor as tf.Tensor4D, node.stride, node.pad, 'NHWC', 1, 'floor');
        return node.bias ? y.add(this.#v(`${node.name}.bias`)) : y;
      }
      case 'bn':
        return this.#batchNorm(node, input, mode);
      case 'relu':
        return (mode.twice ? twice.relu : relu)(input);
      case 'maxPool':
        return tf.maxPool(input, node.kernel, node.stride, node.pad, 'floor');
      case 'globalAvgPool':
        return input.mean([1, 2]);
      case 'flatten':
        return input.transpose([0, 3, 1, 2]).reshape([input.shape[0], -1]);
      case 'linear': {
        const rows = input.reshape([-1, node.inC]) as tf.Tensor2D;
        const y = tf.matMul(rows, this.#v(`${node.name}.weight`) as tf.Tensor as tf.Tensor2D);
        return (node.bias ? y.add(this.#v(`${node.name}.bias`)) : y).reshape([...input.shape.slice(0, -1), node.outC]);
      }
    }
  }

  #batchNorm({ name, eps }: Node & { op: 'bn' }, x: tf.Tensor4D, mode: Mode): tf.Tensor4D {
    const gamma = this.#v(`${name}.weight`) as tf.Tensor as tf.Tensor1D;
    const beta = this.#v(`${name}.bias`) as tf.Tensor as tf.Tensor1D;
    if (!mode.training) {
      const scale = gamma.mul(this.#v(`${name}.running_var`).add(eps).rsqrt());
      return x.mul(scale).add(beta.sub(this.#v(`${name}.running_mean`).mul(scale))) as tf.Tensor4D;
    }
    const layers = [{ name, count: x.size / (x.shape[3] as number) }];
    const seen = (mean: tf.Tensor1D, variance: tf.Tensor1D) => this.#seen({ layers, mean, variance }, mode);
    return (mode.twice ? twice.batchNorm : batchNormTrain)(x, gamma, beta, eps, seen);
  }

  /** Moves running statistics as a forward pass with these batch statistics does. Throws where a normalisation saw one value per channel, whose variance is not defined. */
  moveStatistics({ layers, mean, variance }: Moments): void {
    const single = layers.find(({ count }) => count < 2);
    if (single)
      throw new RampartError(`[network ${this.arch}] ${single.name} expected more than 1 value per channel in training, got 1`, {
        remedy: 'train on batches of two images or more',
      });
    const running = layers.flatMap(({ name }) => [this.#v(`${name}.running_mean`), this.#v(`${name}.running_var`)]);
    const corrections = layers.map(({ count }) => count / (count - 1));
    moveStatistics(running, mean, variance, corrections, BN_MOMENTUM);
  }

  logits(x: tf.Tensor4D): tf.Tensor2D {
    return tf.tidy(() => this.forward(x, { training: false }).logits);
  }

  /**
   * A compiled copy of the network as it is now, for attacks; it does not follow later training. With `features` it shows what its last layer
   * takes, in float32. The caller owns it. Throws as `freeze` of graphs does.
   */
  freeze(precision: FrozenPrecision = 'fp32', { features = false }: { readonly features?: boolean } = {}): Classifier {
    const value = (name: string) => this.#v(name);
    const normalization = (node: Node) => this.#norms.get(node) as readonly [tf.Variable, tf.Variable];
    return features ? freezeInParts(this.graph, value, normalization) : freeze(this.graph, value, normalization, precision);
  }

  /** Every parameter and buffer in PyTorch's layout. */
  async save(): Promise<Map<string, Entry>> {
    const entries = new Map<string, Entry>();
    for (const [name, slot] of this.#slots) {
      const t = tf.tidy(() => toTorch(slot));
      entries.set(name, { shape: [...slot.shape], data: (await t.data()) as Float32Array });
      t.dispose();
    }
    return entries;
  }

  /** Takes every parameter and buffer from PyTorch's layout. Missing, extra and misshapen entries are refused, all named. */
  load(entries: ReadonlyMap<string, Entry>, source: string): void {
    checkEntries(this.graph, entries, this.arch, source);
    for (const [name, slot] of this.#slots)
      tf.tidy(() => slot.variable.assign(toLocal((entries.get(name) as Entry).data, slot.shape, slot.layout)));
  }

  dispose(): void {
    for (const v of [...this.params.values(), ...this.buffers.values()]) v.dispose();
    for (const pair of this.#norms.values()) for (const v of pair) if (!v.isDisposed) v.dispose();
  }
}

/** Whether TensorFlow.js lacks the second derivative (`tensor/twice.ts` says where), or takes it for zero. */
function differentiableOnce(node: Node): boolean {
  if (node.op === 'groupedConv') return node.groups === node.inC;
  if (node.op === 'act') return node.fn !== 'gelu';
  return node.op === 'maxPool' || node.op === 'attention' || node.op === 'windowAttention';
}

/** PyTorch's layout to ours: OIHW to HWIO, `[out,in]` to `[in,out]`, `[1,c,1,1]` to `[c]`. */
function toLocal(values: Float32Array, shape: readonly number[], layout: Slot['layout']): tf.Tensor {
  const t = tf.tensor(values, [...shape]);
  if (layout === 'conv') return t.transpose([2, 3, 1, 0]);
  return layout === 'linear' ? t.transpose() : t.reshape([t.size]);
}

function toTorch(slot: Slot): tf.Tensor {
  if (slot.layout === 'conv') return slot.variable.transpose([3, 2, 0, 1]);
  return slot.layout === 'linear' ? slot.variable.transpose() : slot.variable.clone();
}
