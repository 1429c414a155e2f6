/** Networks for tests: every family small enough for the cpu backend, with weights and batch statistics that are not the initial ones. */

import type { ArchSetup } from '../../models/architecture.ts';
import { type Graph, GraphBuilder } from '../../models/graph/graph.ts';
import { architecture } from '../../models/index.ts';
import { Network } from '../../models/network.ts';
import { preActGraph } from '../../models/preact-resnet.ts';
import { resnetGraph } from '../../models/resnet.ts';
import type { Entry } from '../../models/safetensors.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

/** Convolutions with bias, a max pool and a hidden linear layer after a flattened image that is not square: nodes that no family has. */
function pooled({ inputShape, classes, mean, std }: ArchSetup): Graph {
  const g = new GraphBuilder();
  const a = g.relu(g.conv(g.normalize(0, mean, std, 'norm.'), 'a', inputShape[2], 5, 3, 1, { bias: true }));
  const b = g.bn(g.conv(g.maxPool(a, 2), 'b', 5, 6, 3, 2, { bias: true }), 'b_bn', 6);
  const [h, w] = [Math.ceil(inputShape[0] / 4), Math.ceil(inputShape[1] / 4)];
  return g.finish(g.relu(g.linear(g.flatten(b), 'hidden', 6 * h * w, 7)), 'linear', 7, { inputShape, classes });
}

const small = (inputShape: ArchSetup['inputShape']): ArchSetup => ({
  inputShape,
  classes: 10,
  mean: [0.5, 0.4, 0.3],
  std: [0.2, 0.25, 0.3],
});

export const FAMILIES: readonly (readonly [name: string, graph: () => Graph])[] = [
  ['cnn-small', () => architecture('cnn-small').graph(small([12, 16, 3]))],
  ['resnet-tiny', () => architecture('resnet-tiny').graph(small([12, 12, 3]))],
  ['resnet-18', () => resnetGraph([2, 1, 1, 1], 'basic', { stem: 'cifar', widen: 1 }, small([8, 8, 3]))],
  ['resnet-50', () => resnetGraph([1, 1, 1, 1], 'bottleneck', { stem: 'cifar', widen: 1 }, small([8, 8, 3]))],
  ['preact-resnet-18', () => preActGraph([2, 2, 2, 2], { shortcut: 'activated', lastNorm: true }, small([8, 8, 3]))],
  ['wide', () => architecture('wrn-16-2').graph(small([12, 12, 3]))],
  ['pooled', () => pooled(small([12, 16, 3]))],
  ['imagenet stem', () => resnetGraph([1, 1], 'bottleneck', { stem: 'imagenet', widen: 2 }, small([24, 24, 3]))],
  ['preact raw', () => preActGraph([1, 1], { shortcut: 'raw', lastNorm: false }, small([8, 8, 3]))],
  ['dm-wrn', () => architecture('dm-wrn-10-1').graph(small([12, 12, 3]))],
  ['dm-preact', () => architecture('dm-preact-resnet-18').graph(small([8, 8, 3]))],
  ['vit', () => architecture('vit patch=4 width=24 depth=2 heads=3 activation=gelu-tanh').graph(small([12, 8, 3]))],
  ['vit stem', () => architecture('vit patch=16 width=12 depth=1 heads=2 stem=convolution').graph(small([32, 16, 3]))],
  ['convnext', () => architecture('convnext depths=[1,1,2,1] widths=[8,12,16,20]').graph(small([32, 32, 3]))],
  ['swin', () => architecture('swin width=8 depths=[2,2] headWidth=4 patch=2 window=4').graph(small([16, 16, 3]))],
  ['convnext stem', () => architecture('convnext depths=[1,1,1,1] widths=[8,12,16,20] stem=convolution').graph(small([32, 32, 3]))],
];

/** Entries of the same names and shapes with normal values; variances and scales between 0.5 and 1.5. */
export function randomEntries(like: ReadonlyMap<string, Entry>, rng: Rng): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [name, { shape, data }] of like) {
    const own = rng.fork(name);
    const positive = name.endsWith('running_var') || name.endsWith('std') || (shape.length === 1 && name.endsWith('weight'));
    const scale = shape.length > 1 ? Math.sqrt(2 / (data.length / (shape[0] as number))) : 0.3;
    entries.set(name, { shape, data: positive ? own.uniform(data.length, 0.5, 1.5) : own.normal(data.length).map((v) => v * scale) });
  }
  return entries;
}

/** A network of `graph` with random weights and batch statistics. The caller owns it. */
export async function randomNetwork(name: string, graph: Graph): Promise<Network> {
  const network = new Network(name, graph, new Rng('initial'));
  network.load(randomEntries(await network.save(), new Rng(name)), 'random');
  return network;
}

/** Multiples of 1/1000 in [-1,1] that any language makes alike. */
const series = (n: number, start: number) =>
  Float64Array.from({ length: n }, (_, i) => (((i * 7919 + start * 104729) % 1999) - 999) / 1000);

/** The weights and batch statistics with which PyTorch made the logits of architectures.test.ts; `mean` and `std` stay. */
export function formulaEntries(like: ReadonlyMap<string, Entry>): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [j, name] of [...like.keys()].sort().entries()) {
    const { shape, data } = like.get(name) as Entry;
    const values = series(data.length, j);
    const gain = 2 ** Math.round(Math.log2(Math.sqrt((6 * (shape[0] as number)) / data.length)));
    const positive = name.endsWith('running_var') || (shape.length === 1 && name.endsWith('weight'));
    const change = positive ? (v: number) => 1 + v / 2 : shape.length === 1 ? (v: number) => v / 4 : (v: number) => v * gain;
    entries.set(name, name === 'mean' || name === 'std' ? { shape, data } : { shape, data: Float32Array.from(values.map(change)) });
  }
  return entries;
}

/** The images of those logits. */
export function formulaImages(n: number, [h, w, c]: Graph['inputShape']): tf.Tensor4D {
  return tf.tensor4d(
    Float32Array.from({ length: n * h * w * c }, (_, i) => ((i * 31) % 257) / 256),
    [n, h, w, c],
  );
}
