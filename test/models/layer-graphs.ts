/** One training pass through each kind of layer beyond those of residual networks, as PyTorch makes it: `bench/layers_peer.py` has the same networks. */
import { expect } from 'vitest';
import { activate } from '../../models/graph/blocks.ts';
import { type Graph, GraphBuilder, type NodeId, withBatchNormEps } from '../../models/graph/graph.ts';
import { Network } from '../../models/network.ts';
import type { Entry } from '../../models/safetensors.ts';
import { softmaxCrossEntropy } from '../../tensor/fused.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenEntries } from '../golden.ts';

const setup = { inputShape: [8, 8, 3], classes: 5 } as const;

/** A convolution, the layer in question, the mean over the image, and a linear layer. */
function around(channels: number, layer: (g: GraphBuilder, x: NodeId) => NodeId): Graph {
  const g = new GraphBuilder();
  const y = layer(g, g.conv(0, 'conv', 3, 4, 3, 1, { bias: true }));
  return g.finish(g.globalAvgPool(y), 'head', channels, { ...setup, inputShape: [8, 8, 3] });
}

function transformer(): Graph {
  const g = new GraphBuilder();
  const patches = g.conv(0, 'patch', 3, 6, 4, 4, { pad: 0, bias: true });
  const t = g.layer({ op: 'tokens', input: patches, classToken: 'cls_token', positions: 'pos_embed', tokens: 5, channels: 6 });
  const u = g.layer({ op: 'layerNorm', input: t, name: 'norm', channels: 6, eps: 1e-6 });
  const mixed = g.layer({ op: 'attention', input: g.linear(u, 'attn.qkv', 6, 18), heads: 3 });
  const first = g.layer({ op: 'classToken', input: g.add(t, g.linear(mixed, 'attn.proj', 6, 6)) });
  return g.finish(first, 'head', 6, { ...setup, inputShape: [8, 8, 3] });
}

const grouped =
  (name: string, outC: number, kernel: number, stride: number, groups: number, bias: boolean) => (g: GraphBuilder, input: NodeId) =>
    g.relu(g.layer({ op: 'groupedConv', input, name, inC: 4, outC, kernel, stride, pad: (kernel - 1) / 2, bias, groups }));

function windows(): Graph {
  const g = new GraphBuilder();
  const t = g.conv(0, 'patch', 3, 8, 1, 1, { bias: true });
  const table = 'attn.relative_position_bias_table';
  const mixed = g.layer({ op: 'windowAttention', input: g.linear(t, 'attn.qkv', 8, 24), table, heads: 2, window: 4, shift: 2 });
  const merged = g.layer({ op: 'mergePatches', input: g.add(t, g.linear(mixed, 'attn.proj', 8, 8)) });
  const norm = g.layer({ op: 'layerNorm', input: merged, name: 'downsample.norm', channels: 32, eps: 1e-5 });
  return g.finish(g.globalAvgPool(g.linear(norm, 'downsample.reduction', 32, 16, false)), 'head', 16, { ...setup, inputShape: [8, 8, 3] });
}

export const LAYERS: Readonly<Record<string, () => Graph>> = {
  silu: () => around(4, (g, x) => activate(g, x, 'silu')),
  gelu: () => around(4, (g, x) => activate(g, x, 'gelu')),
  'gelu-tanh': () => around(4, (g, x) => activate(g, x, 'gelu-tanh')),
  'layer-norm': () => around(4, (g, input) => g.relu(g.layer({ op: 'layerNorm', input, name: 'norm', channels: 4, eps: 1e-6 }))),
  depthwise: () => around(4, grouped('dw', 4, 5, 1, 4, true)),
  'depthwise-twice': () => around(8, grouped('dw', 8, 3, 2, 4, false)),
  grouped: () => around(6, grouped('group', 6, 3, 2, 2, true)),
  'max-pool': () => around(4, (g, x) => g.maxPool(x, 3, 2, 1)),
  'asymmetric-padding': () =>
    withBatchNormEps(
      around(6, (g, input) => {
        const padded = g.layer({ op: 'pad', input, top: 0, bottom: 1, left: 0, right: 1 });
        return activate(g, g.bn(g.conv(padded, 'strided', 4, 6, 3, 2, { pad: 0 }), 'bn', 6), 'silu');
      }),
      1e-3,
    ),
  scale: () => around(4, (g, input) => g.relu(g.layer({ op: 'scale', input, name: 'gamma', shape: [4], initial: 1 }))),
  transformer,
  windows,
};

/** PyTorch's names of one module's projections in ours. */
const ours = (name: string) => name.replace('attn.in_proj_', 'attn.qkv.').replace('attn.out_proj', 'attn.proj');

/** What PyTorch saved of a network below `part/`, by our names. */
function saved(layer: string, part: string): Map<string, Entry> {
  const start = `${layer}/${part}/`;
  return new Map(
    [...goldenEntries('layers')].filter(([name]) => name.startsWith(start)).map(([name, entry]) => [ours(name.slice(start.length)), entry]),
  );
}

function one(layer: string, name: string): Entry {
  const entry = goldenEntries('layers').get(`${layer}/${name}`);
  if (!entry) throw new Error(`no ${layer}/${name}`);
  return entry;
}

/** Largest difference over largest value. */
function apart(got: ArrayLike<number>, want: ArrayLike<number>): number {
  const scale = Array.from(want).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return Array.from(want).reduce((most, v, i) => Math.max(most, Math.abs(v - (got[i] as number))), 0) / scale;
}

/** Values in PyTorch's order of one of a network's gradients. */
function asPytorch(gradient: tf.Tensor, { shape }: Entry): Float32Array | Int32Array | Uint8Array {
  if (gradient.rank === 4) return gradient.transpose([3, 2, 0, 1]).dataSync();
  return (shape.length === 2 ? gradient.transpose() : gradient).dataSync();
}

/** Loss, and its gradients by the images and by every parameter, of a network with PyTorch's weights: how far each is from PyTorch's. */
export function trainingPassBesidePytorch(layer: string): Record<string, number> {
  const network = new Network(layer, (LAYERS[layer] as () => Graph)(), new Rng('blank'));
  network.load(saved(layer, 'weights'), 'layers.safetensors');
  const images = one(layer, 'x');
  const x = tf.variable(tf.tidy(() => tf.tensor4d(images.data, images.shape as [number, number, number, number]).transpose([0, 2, 3, 1])));
  const y = tf.tensor1d(Int32Array.from(one(layer, 'y').data), 'int32');
  const variables = [x, ...network.params.values()];
  const { value, grads } = tf.variableGrads(
    () => softmaxCrossEntropy(network.forward(x as tf.Tensor as tf.Tensor4D, { training: true }).logits, y).mean() as tf.Scalar,
    variables,
  );
  const wanted = saved(layer, 'grads');
  const found: Record<string, number> = { loss: apart(value.dataSync(), one(layer, 'loss').data) };
  for (const [name, entry] of wanted) {
    const gradient = grads[(name === 'x' ? x : network.params.get(name))?.name ?? ''];
    if (!gradient) throw new Error(`no gradient of ${name}`);
    found[name] = tf.tidy(() => apart(name === 'x' ? gradient.transpose([0, 3, 1, 2]).dataSync() : asPytorch(gradient, entry), entry.data));
  }
  expect(Object.keys(found).sort()).toEqual(['loss', 'x', ...network.params.keys()].sort());
  network.dispose();
  tf.dispose([x, y, value, ...Object.values(grads)]);
  return found;
}
