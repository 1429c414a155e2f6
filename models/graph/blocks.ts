/** Residual blocks that several families are built from. */
import type { GraphBuilder, NodeId } from './graph.ts';
import type { Activation } from './layers.ts';

/** An activation by name; ReLU has a node of its own, which engines fuse. */
export function activate(g: GraphBuilder, x: NodeId, fn: 'relu' | Activation): NodeId {
  return fn === 'relu' ? g.relu(x) : g.layer({ op: 'act', input: x, fn });
}

/** Two 3x3 convolutions, each with batch normalisation, and a shortcut that is a 1x1 convolution where the shape changes (He et al. 2016, arXiv 1512.03385). */
export function basicBlock(
  g: GraphBuilder,
  x: NodeId,
  name: string,
  inC: number,
  outC: number,
  stride: number,
  shortcut: readonly [string, string],
): NodeId {
  const a = g.relu(g.bn(g.conv(x, `${name}.conv1`, inC, outC, 3, stride), `${name}.bn1`, outC));
  const b = g.bn(g.conv(a, `${name}.conv2`, outC, outC, 3), `${name}.bn2`, outC);
  const same = stride === 1 && inC === outC;
  const s = same ? x : g.bn(g.conv(x, `${name}.${shortcut[0]}`, inC, outC, 1, stride), `${name}.${shortcut[1]}`, outC);
  return g.relu(g.add(b, s));
}

/** Batch normalisation, ReLU and convolution twice (He et al. 2016, arXiv 1603.05027). Where the shape changes, the shortcut is a 1x1 convolution of the activated or of the raw input. */
export function preActBlock(
  g: GraphBuilder,
  x: NodeId,
  name: string,
  inC: number,
  outC: number,
  stride: number,
  shortcut: { readonly name: string; readonly from: 'activated' | 'raw' },
): NodeId {
  const a = g.relu(g.bn(x, `${name}.bn1`, inC));
  const b = g.relu(g.bn(g.conv(a, `${name}.conv1`, inC, outC, 3, stride), `${name}.bn2`, outC));
  const c = g.conv(b, `${name}.conv2`, outC, outC, 3);
  if (stride === 1 && inC === outC) return g.add(c, x);
  return g.add(c, g.conv(shortcut.from === 'raw' ? x : a, `${name}.${shortcut.name}`, inC, outC, 1, stride));
}

/** Sizes of a block of a transformer; `mlp` is the width of its hidden layer, `eps` of its layer normalisations. */
interface TransformerSizes {
  readonly width: number;
  readonly mlp: number;
  readonly eps: number;
  readonly activation: Activation;
}

/** Attention and a hidden layer, each after layer normalisation and beside the identity (Dosovitskiy et al. 2021, arXiv 2010.11929), with the names of timm. `attend` makes of queries, keys and values `[n,h,w,3*width]` what they see. */
export function transformerBlock(
  g: GraphBuilder,
  x: NodeId,
  name: string,
  { width, mlp, eps, activation }: TransformerSizes,
  attend: (qkv: NodeId) => NodeId,
): NodeId {
  const norm = (input: NodeId, part: string) => g.layer({ op: 'layerNorm', input, name: `${name}.${part}`, channels: width, eps });
  const attended = attend(g.linear(norm(x, 'norm1'), `${name}.attn.qkv`, width, 3 * width));
  const y = g.add(x, g.linear(attended, `${name}.attn.proj`, width, width));
  const hidden = g.layer({ op: 'act', input: g.linear(norm(y, 'norm2'), `${name}.mlp.fc1`, width, mlp), fn: activation });
  return g.add(y, g.linear(hidden, `${name}.mlp.fc2`, mlp, width));
}

/** A 3x3 convolution padded as TensorFlow's `SAME` does: with stride 2 only below and to the right. */
export function convSame(g: GraphBuilder, x: NodeId, name: string, inC: number, outC: number, stride: 1 | 2): NodeId {
  if (stride === 1) return g.conv(x, name, inC, outC, 3);
  return g.conv(g.layer({ op: 'pad', input: x, top: 0, bottom: 1, left: 0, right: 1 }), name, inC, outC, 3, 2, { pad: 0 });
}
