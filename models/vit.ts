/** Vision transformers, Dosovitskiy et al. 2021 (arXiv 2010.11929), with the names of timm. */
import { z } from 'zod';
import { RampartError } from '../errors.ts';
import { type ArchSetup, defineArchitecture } from './architecture.ts';
import { transformerBlock } from './graph/blocks.ts';
import { type Graph, GraphBuilder, type NodeId } from './graph/graph.ts';
import type { Activation } from './graph/layers.ts';

const size = (most: number) => z.number().int().min(1).max(most);

const params = z.strictObject({
  patch: size(64).default(16),
  width: size(4096).default(384),
  depth: size(64).default(12),
  heads: size(64).default(6),
  mlp: size(16384).optional().describe('Width of the hidden layer of a block; four times `width` unless given'),
  activation: z.enum(['gelu', 'gelu-tanh']).default('gelu'),
  stem: z
    .enum(['patch', 'convolution'])
    .default('patch')
    .describe(
      '`patch`: one convolution of whole patches; `convolution`: 3x3 convolutions of stride 2 (Singh et al. 2023, arXiv 2303.01870), for patches of 16',
    ),
  lastNorm: z.boolean().default(true).describe('Layer normalisation before the classifier'),
  eps: z.number().positive().max(1e-3).default(1e-6).describe('Of the layer normalisations'),
});
export type VitParams = z.infer<typeof params>;

/** Width, depth, heads of the sizes that people name. */
const SIZES: Readonly<Record<string, readonly [number, number, number]>> = {
  tiny: [192, 12, 3],
  small: [384, 12, 6],
  base: [768, 12, 12],
  large: [1024, 24, 16],
};

/** What MOREL's code calls `vit_small`, for images of 32x32 (Hotegni and Peitz 2025, arXiv 2410.01697): one wide block on patches of 4. */
const SMALL_CIFAR = { patch: 4, width: 256, depth: 1, heads: 4, mlp: 1024, activation: 'gelu-tanh', lastNorm: false, eps: 1e-5 } as const;

const isSmallCifar = (params: VitParams) =>
  params.stem === 'patch' && Object.entries(SMALL_CIFAR).every(([key, value]) => params[key as keyof VitParams] === value);

interface Inner {
  readonly width: number;
  readonly mlp: number;
  readonly heads: number;
  readonly activation: Activation;
  readonly eps: number;
}

function block(g: GraphBuilder, x: NodeId, name: string, { width, mlp, heads, activation, eps }: Inner): NodeId {
  return transformerBlock(g, x, name, { width, mlp, eps, activation }, (qkv) => g.layer({ op: 'attention', input: qkv, heads }));
}

/** Four 3x3 convolutions of stride 2, each with layer normalisation and GELU, and a 1x1 convolution to the width of the tokens. */
function convolutionStem(g: GraphBuilder, x: NodeId, channels: number, width: number): NodeId {
  let [from, inC] = [x, channels];
  for (const [i, outC] of [48, 96, 192, 384].entries()) {
    const conv = g.conv(from, `patch_embed.proj.stem.${3 * i}`, inC, outC, 3, 2, { bias: true });
    const normed = g.layer({ op: 'layerNorm', input: conv, name: `patch_embed.proj.stem.${3 * i + 1}`, channels: outC, eps: 1e-6 });
    from = g.layer({ op: 'act', input: normed, fn: 'gelu' });
    inC = outC;
  }
  return g.conv(from, 'patch_embed.proj.stem.12', inC, width, 1, 1, { bias: true });
}

function vitGraph({ patch, width, depth, heads, mlp = 4 * width, stem, activation, lastNorm, eps }: VitParams, setup: ArchSetup): Graph {
  const { inputShape, classes, mean, std } = setup;
  const [h, w, c] = inputShape;
  if (h % patch !== 0 || w % patch !== 0 || width % heads !== 0)
    throw new RampartError(
      `[model vit] expected images of whole patches of ${patch} and a width of whole heads, got ${h}x${w} and ${width} in ${heads} heads`,
    );
  if (stem === 'convolution' && patch !== 16)
    throw new RampartError(`[model vit] a stem of convolutions makes patches of 16, got patch=${patch}`);
  const g = new GraphBuilder();
  const image = g.normalize(0, mean, std);
  const patches =
    stem === 'patch'
      ? g.conv(image, 'patch_embed.proj', c, width, patch, patch, { pad: 0, bias: true })
      : convolutionStem(g, image, c, width);
  const tokens = (h / patch) * (w / patch) + 1;
  let x = g.layer({ op: 'tokens', input: patches, classToken: 'cls_token', positions: 'pos_embed', tokens, channels: width });
  for (let i = 0; i < depth; i++) x = block(g, x, `blocks.${i}`, { width, mlp, heads, activation, eps });
  const first = g.layer({ op: 'classToken', input: x });
  const features = lastNorm ? g.layer({ op: 'layerNorm', input: first, name: 'norm', channels: width, eps }) : first;
  return g.finish(features, 'head', width, { inputShape, classes, init: 'transformer' });
}

/** Names of torchvision's VisionTransformer, of today and of before 0.14. */
function fromTorchvision(name: string): string | undefined {
  const fixed: Readonly<Record<string, string>> = {
    class_token: 'cls_token',
    'encoder.pos_embedding': 'pos_embed',
    'conv_proj.weight': 'patch_embed.proj.weight',
    'conv_proj.bias': 'patch_embed.proj.bias',
    'encoder.ln.weight': 'norm.weight',
    'encoder.ln.bias': 'norm.bias',
    'heads.head.weight': 'head.weight',
    'heads.head.bias': 'head.bias',
  };
  if (Object.hasOwn(fixed, name)) return fixed[name];
  const inner = /^encoder\.layers\.encoder_layer_(\d+)\.(.+)$/.exec(name);
  if (!inner) return undefined;
  const parts: readonly (readonly [string, string])[] = [
    ['ln_1.', 'norm1.'],
    ['ln_2.', 'norm2.'],
    ['self_attention.in_proj_', 'attn.qkv.'],
    ['self_attention.out_proj.', 'attn.proj.'],
    ['mlp.0.', 'mlp.fc1.'],
    ['mlp.3.', 'mlp.fc2.'],
    ['mlp.linear_1.', 'mlp.fc1.'],
    ['mlp.linear_2.', 'mlp.fc2.'],
  ];
  const part = parts.find(([theirs]) => inner[2]?.startsWith(theirs));
  return part && `blocks.${inner[1]}.${part[1]}${inner[2]?.slice(part[0].length)}`;
}

/** Names of MOREL's code. */
function fromMorel(name: string): string | undefined {
  const whole: readonly (readonly [string, string])[] = [
    ['embedding.cls_token', 'cls_token'],
    ['embedding.position_embeddings', 'pos_embed'],
    ['embedding.patch_embeddings.projection.', 'patch_embed.proj.'],
    ['classifier.', 'head.'],
  ];
  const found = whole.find(([theirs]) => name.startsWith(theirs));
  if (found) return `${found[1]}${name.slice(found[0].length)}`;
  const inner =
    /^encoder\.blocks\.(\d+)\.(attention\.qkv_projection|attention\.output_projection|layernorm_[12]|mlp\.dense_[12])\.(\w+)$/.exec(name);
  if (!inner) return undefined;
  const ours: Readonly<Record<string, string>> = {
    'attention.qkv_projection': 'attn.qkv',
    'attention.output_projection': 'attn.proj',
    layernorm_1: 'norm1',
    layernorm_2: 'norm2',
    'mlp.dense_1': 'mlp.fc1',
    'mlp.dense_2': 'mlp.fc2',
  };
  return `blocks.${inner[1]}.${ours[inner[2] as string]}.${inner[3]}`;
}

export default defineArchitecture<VitParams>({
  name: 'vit',
  title: 'Vision transformer',
  paper: 'Dosovitskiy et al. 2021 (arXiv 2010.11929)',
  version: 2,
  params,
  members: { 'vit-small-cifar': 32, 'vit-tiny-16': 224, 'vit-small-16': 224, 'vit-base-16': 224, 'vit-large-16': 224 },
  parse(name) {
    if (/^vit[-_]small[-_]cifar$/i.test(name)) return SMALL_CIFAR;
    const found = /^(?:vit|deit)[-_](tiny|small|base|large|t|s|b|l)[-_](?:patch)?(\d{1,2})(?:_224)?$/i.exec(name);
    if (!found) return undefined;
    const full = Object.keys(SIZES).find((s) => s.startsWith((found[1] as string).toLowerCase())) as string;
    const [width, depth, heads] = SIZES[full] as readonly [number, number, number];
    return { patch: Number(found[2]), width, depth, heads };
  },
  nameOf(params) {
    if (isSmallCifar(params)) return 'vit-small-cifar';
    const { patch, width, depth, heads } = params;
    const known = Object.entries(SIZES).find(([, of]) => of.join() === [width, depth, heads].join());
    return known ? `vit-${known[0]}-${patch}` : 'vit';
  },
  renamings: [fromTorchvision, fromMorel],
  graph: vitGraph,
});
