/** Layers beyond those of residual networks: activations, padding, grouped convolution, and what transformers are made of. One place says what each computes, holds and costs. */
import type { Rng } from '../../tensor/rng.ts';
import { type Shape, tf } from '../../tensor/tf.ts';
import type { NodeId, Parameter } from './node.ts';
import { attendWindows, mergePatches } from './windows.ts';

/** `gelu` is the exact form, with the error function; `gelu-tanh` the approximation (Hendrycks and Gimpel 2016, arXiv 1606.08415). */
export type Activation = 'silu' | 'gelu' | 'gelu-tanh';

/**
 * Tokens are an image of width 1: `[n,tokens,1,c]`. Parameters have PyTorch's shapes; `scale`'s and `tokens`' are named in full, the others
 * by module.
 */
export type LayerNode =
  | { op: 'act'; input: NodeId; fn: Activation }
  /** Zeros around the image. */
  | { op: 'pad'; input: NodeId; top: number; bottom: number; left: number; right: number }
  | {
      op: 'groupedConv';
      input: NodeId;
      name: string;
      inC: number;
      outC: number;
      kernel: number;
      stride: number;
      pad: number;
      bias: boolean;
      groups: number;
    }
  /** Over the channels of each point. */
  | { op: 'layerNorm'; input: NodeId; name: string; channels: number; eps: number }
  /** Each channel times its own number, which starts at `initial`. */
  | { op: 'scale'; input: NodeId; name: string; shape: readonly number[]; initial: number }
  /** The points of an image as tokens behind a class token, with learned positions added to all. */
  | { op: 'tokens'; input: NodeId; classToken: string; positions: string; tokens: number; channels: number }
  /** Self-attention (Vaswani et al. 2017, arXiv 1706.03762) on tokens whose channels are queries, keys and values, `[n,t,1,3c]`; heads are contiguous. */
  | { op: 'attention'; input: NodeId; heads: number }
  /** The same within windows of an image, `[n,h,w,3c]`, with a bias by relative position out of a table. */
  | { op: 'windowAttention'; input: NodeId; table: string; heads: number; window: number; shift: number }
  /** Each square of 2x2 points as one of four times the channels. */
  | { op: 'mergePatches'; input: NodeId }
  /** The first token, `[n,c]`. */
  | { op: 'classToken'; input: NodeId };

const LAYERS = new Set<string>([
  'act',
  'pad',
  'groupedConv',
  'layerNorm',
  'scale',
  'tokens',
  'attention',
  'windowAttention',
  'mergePatches',
  'classToken',
] satisfies LayerNode['op'][]);

export function isLayer(node: { readonly op: string }): node is LayerNode {
  return LAYERS.has(node.op);
}

/** Height, width and channels after a layer; a flat one is `[1,1,c]`. */
export function layerShape(node: LayerNode, [h, w, c]: Shape): Shape {
  switch (node.op) {
    case 'pad':
      return [h + node.top + node.bottom, w + node.left + node.right, c];
    case 'groupedConv': {
      const size = (n: number) => Math.floor((n + 2 * node.pad - node.kernel) / node.stride) + 1;
      return [size(h), size(w), node.outC];
    }
    case 'tokens':
      return [h * w + 1, 1, c];
    case 'attention':
    case 'windowAttention':
      return [h, w, c / 3];
    case 'mergePatches':
      return [h / 2, w / 2, 4 * c];
    case 'classToken':
      return [1, 1, c];
    default:
      return [h, w, c];
  }
}

/** Multiply-adds of one image, `from` and `to` being the shapes before and after. Activations and normalisations count nothing, as for convolutional networks. */
export function layerMultiplyAdds(node: LayerNode, from: Shape, to: Shape): number {
  if (node.op === 'groupedConv') return to[0] * to[1] * node.kernel ** 2 * (node.inC / node.groups) * node.outC;
  // scores, and their product with the values
  if (node.op === 'windowAttention') return 2 * from[0] * from[1] * node.window ** 2 * to[2];
  return node.op === 'attention' ? 2 * from[0] ** 2 * to[2] : 0;
}

const plain = (name: string, shape: readonly number[]): Parameter => ({ name, shape, layout: 'plain', trainable: true });

/** What a layer learns, in PyTorch's order. */
export function layerParameters(node: LayerNode): Parameter[] {
  switch (node.op) {
    case 'groupedConv': {
      const shape = [node.outC, node.inC / node.groups, node.kernel, node.kernel];
      const weight: Parameter = { name: `${node.name}.weight`, shape, layout: 'conv', trainable: true };
      return node.bias ? [weight, plain(`${node.name}.bias`, [node.outC])] : [weight];
    }
    case 'layerNorm':
      return [plain(`${node.name}.weight`, [node.channels]), plain(`${node.name}.bias`, [node.channels])];
    case 'scale':
      return [plain(node.name, node.shape)];
    case 'tokens':
      return [plain(node.classToken, [1, 1, node.channels]), plain(node.positions, [1, node.tokens, node.channels])];
    case 'windowAttention':
      return [plain(node.table, [(2 * node.window - 1) ** 2, node.heads])];
    default:
      return [];
  }
}

/** Initial values of those, as PyTorch and torchvision draw them. */
export function layerInitial(node: LayerNode, rng: Rng): Float32Array[] {
  switch (node.op) {
    case 'groupedConv': {
      const fanIn = (node.inC / node.groups) * node.kernel ** 2;
      const bound = 1 / Math.sqrt(fanIn);
      const own = rng.fork(node.name);
      const weight = own.uniform(node.outC * fanIn, -bound, bound);
      return node.bias ? [weight, own.uniform(node.outC, -bound, bound)] : [weight];
    }
    case 'layerNorm':
      return [new Float32Array(node.channels).fill(1), new Float32Array(node.channels)];
    case 'scale':
      return [new Float32Array(node.shape.reduce((a, b) => a * b, 1)).fill(node.initial)];
    case 'tokens': {
      const draw = (name: string, n: number) =>
        rng
          .fork(name)
          .normal(n)
          .map((v) => 0.02 * v);
      return [draw(node.classToken, node.channels), draw(node.positions, node.tokens * node.channels)];
    }
    case 'windowAttention':
      return [
        rng
          .fork(node.table)
          .normal((2 * node.window - 1) ** 2 * node.heads)
          .map((v) => 0.02 * v),
      ];
    default:
      return [];
  }
}

/** A parameter by name: convolutions `[k,k,in/groups,out]`, the rest flat. */
export type Value = (name: string) => tf.Tensor;

/** The output of a layer on `x` `[n,h,w,c]` (or `[n,c]`), differentiable. To be called in a tidy. */
export function forwardLayer(node: LayerNode, x: tf.Tensor, value: Value): tf.Tensor {
  switch (node.op) {
    case 'act':
      return activate(node.fn, x);
    case 'pad':
      return tf.pad(x, [
        [0, 0],
        [node.top, node.bottom],
        [node.left, node.right],
        [0, 0],
      ]);
    case 'groupedConv':
      return groupedConv(node, x as tf.Tensor4D, value);
    case 'layerNorm': {
      const centred = x.sub(x.mean(-1, true));
      const scale = centred.square().mean(-1, true).add(node.eps).rsqrt();
      return centred
        .mul(scale)
        .mul(value(`${node.name}.weight`))
        .add(value(`${node.name}.bias`));
    }
    case 'scale':
      return x.mul(value(node.name));
    case 'tokens': {
      const [n, , , c] = x.shape as [number, number, number, number];
      const points = x.reshape([n, -1, 1, c]);
      const first = value(node.classToken).reshape([1, 1, 1, c]).tile([n, 1, 1, 1]);
      return tf.concat([first, points], 1).add(value(node.positions).reshape([1, node.tokens, 1, c]));
    }
    case 'attention':
      return attend(x as tf.Tensor4D, node.heads);
    case 'windowAttention':
      return attendWindows(x as tf.Tensor4D, value(node.table), node);
    case 'mergePatches':
      return mergePatches(x as tf.Tensor4D);
    case 'classToken':
      return x.slice([0, 0, 0, 0], [-1, 1, -1, -1]).reshape([x.shape[0], -1]);
  }
}

function activate(fn: Activation, x: tf.Tensor): tf.Tensor {
  if (fn === 'silu') return x.mul(tf.sigmoid(x));
  const half = x.mul(0.5);
  if (fn === 'gelu') return half.mul(tf.erf(x.mul(Math.SQRT1_2)).add(1));
  const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
  return half.mul(tf.tanh(inner).add(1));
}

function groupedConv(node: LayerNode & { op: 'groupedConv' }, x: tf.Tensor4D, value: Value): tf.Tensor {
  const { name, inC, outC, kernel, stride, pad, groups } = node;
  const weight = value(`${name}.weight`) as tf.Tensor4D;
  const y =
    groups === inC
      ? tf.depthwiseConv2d(x, weight.reshape([kernel, kernel, inC, outC / inC]), stride, pad, 'NHWC', 1, 'floor')
      : tf.concat(
          tf.split(x, groups, 3).map((part, g) => {
            const filter = weight.slice([0, 0, 0, (g * outC) / groups], [-1, -1, -1, outC / groups]);
            return tf.conv2d(part as tf.Tensor4D, filter, stride, pad, 'NHWC', 1, 'floor');
          }),
          3,
        );
  return node.bias ? y.add(value(`${name}.bias`)) : y;
}

function attend(qkv: tf.Tensor4D, heads: number): tf.Tensor {
  const [n, t, , width] = qkv.shape;
  const d = width / 3 / heads;
  const [q, k, v] = tf.unstack(qkv.reshape([n, t, 3, heads, d]).transpose([2, 0, 3, 1, 4])) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  const weights = tf.softmax(tf.matMul(q, k, false, true).mul(1 / Math.sqrt(d)));
  return tf
    .matMul(weights, v)
    .transpose([0, 2, 1, 3])
    .reshape([n, t, 1, heads * d]);
}
