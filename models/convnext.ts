/** ConvNeXt, Liu et al. 2022 (arXiv 2201.03545), with the names of timm; and with the convolutional stem of Singh et al. 2023 (arXiv 2303.01870). */
import { z } from 'zod';
import { type ArchSetup, defineArchitecture } from './architecture.ts';
import { type Graph, GraphBuilder, type NodeId } from './graph/graph.ts';

const params = z.strictObject({
  depths: z.array(z.number().int().min(1).max(64)).length(4).default([3, 3, 9, 3]),
  widths: z.array(z.number().int().min(1).max(4096)).length(4).default([96, 192, 384, 768]),
  stem: z
    .enum(['patch', 'convolution'])
    .default('patch')
    .describe('`patch`: one 4x4 convolution of stride 4; `convolution`: 3x3 convolutions'),
});
export type ConvnextParams = z.infer<typeof params>;

const SIZES: Readonly<Record<string, Pick<ConvnextParams, 'depths' | 'widths'>>> = {
  tiny: { depths: [3, 3, 9, 3], widths: [96, 192, 384, 768] },
  small: { depths: [3, 3, 27, 3], widths: [96, 192, 384, 768] },
  base: { depths: [3, 3, 27, 3], widths: [128, 256, 512, 1024] },
  large: { depths: [3, 3, 27, 3], widths: [192, 384, 768, 1536] },
};

const EPS = 1e-6;

function norm(g: GraphBuilder, input: NodeId, name: string, channels: number): NodeId {
  return g.layer({ op: 'layerNorm', input, name, channels, eps: EPS });
}

function block(g: GraphBuilder, x: NodeId, name: string, width: number): NodeId {
  const spread = { inC: width, outC: width, groups: width, kernel: 7, stride: 1, pad: 3, bias: true };
  const mixed = norm(g, g.layer({ op: 'groupedConv', input: x, name: `${name}.conv_dw`, ...spread }), `${name}.norm`, width);
  const hidden = g.layer({ op: 'act', input: g.linear(mixed, `${name}.mlp.fc1`, width, 4 * width), fn: 'gelu' });
  const out = g.linear(hidden, `${name}.mlp.fc2`, 4 * width, width);
  return g.add(x, g.layer({ op: 'scale', input: out, name: `${name}.gamma`, shape: [width], initial: 1e-6 }));
}

/** Convolutions 3x3 of stride 2, 2 and (for the wide networks) 1, each with layer normalisation and GELU. */
function convolutionStem(g: GraphBuilder, x: NodeId, channels: number, width: number): NodeId {
  const widths = width === 96 ? [48, 96] : [width / 2, (width / 2) * 1.5, width];
  let [from, inC] = [x, channels];
  for (const [i, outC] of widths.entries()) {
    const conv = g.conv(from, `stem.stem.${3 * i}`, inC, outC, 3, i < 2 ? 2 : 1, { bias: true });
    from = g.layer({ op: 'act', input: norm(g, conv, `stem.stem.${3 * i + 1}`, outC), fn: 'gelu' });
    inC = outC;
  }
  return from;
}

function convnextGraph({ depths, widths, stem }: ConvnextParams, { inputShape, classes, mean, std }: ArchSetup): Graph {
  const g = new GraphBuilder();
  const first = widths[0] as number;
  const image = g.normalize(0, mean, std);
  let x =
    stem === 'convolution'
      ? convolutionStem(g, image, inputShape[2], first)
      : norm(g, g.conv(image, 'stem.0', inputShape[2], first, 4, 4, { pad: 0, bias: true }), 'stem.1', first);
  let inC = first;
  for (const [stage, width] of widths.entries()) {
    if (stage > 0) {
      const before = norm(g, x, `stages.${stage}.downsample.0`, inC);
      x = g.conv(before, `stages.${stage}.downsample.1`, inC, width, 2, 2, { pad: 0, bias: true });
    }
    for (let i = 0; i < (depths[stage] as number); i++) x = block(g, x, `stages.${stage}.blocks.${i}`, width);
    inC = width;
  }
  return g.finish(norm(g, g.globalAvgPool(x), 'head.norm', inC), 'head.fc', inC, { inputShape, classes });
}

const renamed = (name: string, parts: readonly (readonly [RegExp, string])[]): string | undefined => {
  const part = parts.find(([theirs]) => theirs.test(name));
  return part && name.replace(part[0], part[1]);
};

/** Names of torchvision: stages and the steps between them take turns in `features`. */
function fromTorchvision(name: string): string | undefined {
  const stage = /^features\.([1-7])\.(.+)$/.exec(name);
  const number = Number(stage?.[1]);
  if (stage && number % 2 === 0) return `stages.${number / 2}.downsample.${stage[2]}`;
  if (stage) {
    const inner = renamed(stage[2] as string, [
      [/^(\d+)\.block\.0\./, '$1.conv_dw.'],
      [/^(\d+)\.block\.2\./, '$1.norm.'],
      [/^(\d+)\.block\.3\./, '$1.mlp.fc1.'],
      [/^(\d+)\.block\.5\./, '$1.mlp.fc2.'],
      [/^(\d+)\.layer_scale$/, '$1.gamma'],
    ]);
    return inner && `stages.${(number - 1) / 2}.blocks.${inner}`;
  }
  return renamed(name, [
    [/^features\.0\./, 'stem.'],
    [/^classifier\.0\./, 'head.norm.'],
    [/^classifier\.2\./, 'head.fc.'],
  ]);
}

/** Names of the authors' own code. */
function fromAuthors(name: string): string | undefined {
  return renamed(name, [
    [/^downsample_layers\.0\./, 'stem.'],
    [/^downsample_layers\.(\d)\./, 'stages.$1.downsample.'],
    [/^stages\.(\d)\.(\d+)\.dwconv\./, 'stages.$1.blocks.$2.conv_dw.'],
    [/^stages\.(\d)\.(\d+)\.pwconv1\./, 'stages.$1.blocks.$2.mlp.fc1.'],
    [/^stages\.(\d)\.(\d+)\.pwconv2\./, 'stages.$1.blocks.$2.mlp.fc2.'],
    [/^stages\.(\d)\.(\d+)\.(norm\.|gamma$)/, 'stages.$1.blocks.$2.$3'],
    [/^norm\./, 'head.norm.'],
    [/^head\./, 'head.fc.'],
  ]);
}

export default defineArchitecture<ConvnextParams>({
  name: 'convnext',
  title: 'ConvNeXt',
  paper: 'Liu et al. 2022 (arXiv 2201.03545)',
  version: 1,
  params,
  members: {
    'convnext-tiny': 224,
    'convnext-tiny stem=convolution': 224,
    'convnext-small': 224,
    'convnext-base': 224,
    'convnext-large': 224,
  },
  parse(name) {
    const found = /^convnext[-_](tiny|small|base|large|t|s|b|l)$/i.exec(name)?.[1]?.toLowerCase();
    return found ? SIZES[Object.keys(SIZES).find((s) => s.startsWith(found)) as string] : undefined;
  },
  nameOf({ depths, widths }) {
    const known = Object.entries(SIZES).find(([, of]) => of.depths.join() === depths.join() && of.widths.join() === widths.join());
    return known ? `convnext-${known[0]}` : 'convnext';
  },
  renamings: [fromTorchvision, fromAuthors],
  graph: convnextGraph,
});
