/** Swin transformers, Liu et al. 2021 (arXiv 2103.14030), with the names of timm. */
import { z } from 'zod';
import { RampartError } from '../errors.ts';
import { type ArchSetup, defineArchitecture } from './architecture.ts';
import { transformerBlock } from './graph/blocks.ts';
import { type Graph, GraphBuilder, type NodeId } from './graph/graph.ts';

const params = z.strictObject({
  width: z
    .number()
    .int()
    .min(1)
    .max(4096)
    .default(96)
    .describe('Channels of the first stage; each stage has twice those of the one before'),
  depths: z.array(z.number().int().min(1).max(64)).min(1).max(6).default([2, 2, 6, 2]),
  headWidth: z.number().int().min(1).max(1024).default(32).describe('Channels of a head'),
  patch: z.number().int().min(1).max(64).default(4),
  window: z.number().int().min(1).max(64).default(7).describe('Side of a window, in patches'),
  eps: z.number().min(1e-12).max(1).default(1e-5).describe('What layer normalisations add to a variance'),
});
export type SwinParams = z.infer<typeof params>;

const SIZES: Readonly<Record<string, Pick<SwinParams, 'width' | 'depths'>>> = {
  tiny: { width: 96, depths: [2, 2, 6, 2] },
  small: { width: 96, depths: [2, 2, 18, 2] },
  base: { width: 128, depths: [2, 2, 18, 2] },
  large: { width: 192, depths: [2, 2, 18, 2] },
};

interface BlockShape {
  readonly width: number;
  readonly heads: number;
  readonly window: number;
  readonly shift: number;
  readonly eps: number;
}

function block(g: GraphBuilder, x: NodeId, name: string, { width, heads, window, shift, eps }: BlockShape): NodeId {
  const table = `${name}.attn.relative_position_bias_table`;
  return transformerBlock(g, x, name, { width, mlp: 4 * width, eps, activation: 'gelu' }, (qkv) =>
    g.layer({ op: 'windowAttention', input: qkv, table, heads, window, shift }),
  );
}

/** Half as many points each way, of twice as many channels. */
function halve(g: GraphBuilder, input: NodeId, name: string, width: number, eps: number): NodeId {
  const merged = g.layer({ op: 'mergePatches', input });
  const norm = g.layer({ op: 'layerNorm', input: merged, name: `${name}.norm`, channels: 4 * width, eps });
  return g.linear(norm, `${name}.reduction`, 4 * width, 2 * width, false);
}

function swinGraph(
  { width: first, depths, headWidth, patch, window, eps }: SwinParams,
  { inputShape, classes, mean, std }: ArchSetup,
): Graph {
  const [h, w, c] = inputShape;
  const sides = depths.map((_, stage) => h / patch / 2 ** stage);
  const fits = sides.every((side) => Number.isInteger(side) && side % Math.min(side, window) === 0);
  if (h !== w || !fits || first % headWidth !== 0)
    throw new RampartError(
      `[model swin] expected square images that ${depths.length} stages cut into whole windows of ${window} patches of ${patch}, and a width of whole heads of ${headWidth}, got ${h}x${w} and ${first}`,
    );
  const g = new GraphBuilder();
  const patches = g.conv(g.normalize(0, mean, std), 'patch_embed.proj', c, first, patch, patch, { pad: 0, bias: true });
  let x = g.layer({ op: 'layerNorm', input: patches, name: 'patch_embed.norm', channels: first, eps });
  let width = first;
  for (const [stage, depth] of depths.entries()) {
    const side = sides[stage] as number;
    // one window needs no shift
    const own = { width, heads: width / headWidth, window: Math.min(side, window), eps };
    for (let i = 0; i < depth; i++) {
      const shift = i % 2 === 1 && side > window ? Math.floor(window / 2) : 0;
      x = block(g, x, `layers.${stage}.blocks.${i}`, { ...own, shift });
    }
    if (stage === depths.length - 1) break;
    x = halve(g, x, `layers.${stage}.downsample`, width, eps);
    width *= 2;
  }
  const last = g.layer({ op: 'layerNorm', input: x, name: 'norm', channels: width, eps });
  return g.finish(g.globalAvgPool(last), 'head', width, { inputShape, classes });
}

/** Names of torchvision: stages and the steps between them take turns in `features`. */
function fromTorchvision(name: string): string | undefined {
  const [, at, inner = ''] = /^features\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (at === undefined) return name;
  if (at === '0') return inner.replace(/^0\./, 'patch_embed.proj.').replace(/^2\./, 'patch_embed.norm.');
  if (Number(at) % 2 === 0) return `layers.${Number(at) / 2 - 1}.downsample.${inner}`;
  return `layers.${(Number(at) - 1) / 2}.blocks.${inner.replace('.mlp.0.', '.mlp.fc1.').replace('.mlp.3.', '.mlp.fc2.')}`;
}

/** Names of timm from 0.9 on: a stage begins with the step that leads to it. */
function fromLaterTimm(name: string): string | undefined {
  return name
    .replace(/^layers\.(\d+)\.downsample\./, (_, stage) => `layers.${Number(stage) - 1}.downsample.`)
    .replace(/^head\.fc\./, 'head.');
}

export default defineArchitecture<SwinParams>({
  name: 'swin',
  title: 'Swin transformer',
  paper: 'Liu et al. 2021 (arXiv 2103.14030)',
  version: 1,
  params,
  members: { 'swin-tiny': 224, 'swin-small': 224, 'swin-base': 224, 'swin-large': 224 },
  parse(name) {
    const found = /^swin[-_](tiny|small|base|large|t|s|b|l)(?:_patch4_window(\d{1,2})_224)?$/i.exec(name);
    const size = found && SIZES[Object.keys(SIZES).find((s) => s.startsWith((found[1] as string).toLowerCase())) as string];
    return size ? { ...size, ...(found[2] !== undefined && { window: Number(found[2]) }) } : undefined;
  },
  nameOf({ width, depths }) {
    const known = Object.entries(SIZES).find(([, of]) => of.width === width && of.depths.join() === depths.join());
    return known ? `swin-${known[0]}` : 'swin';
  },
  renamings: [fromTorchvision, fromLaterTimm],
  graph: swinGraph,
});
