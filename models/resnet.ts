/** Residual networks, He et al. 2016 (arXiv 1512.03385), for small images and for ImageNet's. */
import { z } from 'zod';
import { type ArchSetup, defineArchitecture } from './architecture.ts';
import { basicBlock } from './graph/blocks.ts';
import { type Graph, GraphBuilder, type NodeId } from './graph/graph.ts';

const BLOCKS: Readonly<Record<number, readonly [blocks: readonly number[], kind: 'basic' | 'bottleneck']>> = {
  18: [[2, 2, 2, 2], 'basic'],
  34: [[3, 4, 6, 3], 'basic'],
  50: [[3, 4, 6, 3], 'bottleneck'],
  101: [[3, 4, 23, 3], 'bottleneck'],
  152: [[3, 8, 36, 3], 'bottleneck'],
};

const params = z.strictObject({
  depth: z.union([z.literal(18), z.literal(34), z.literal(50), z.literal(101), z.literal(152)]).default(18),
  stem: z
    .enum(['cifar', 'imagenet'])
    .default('cifar')
    .describe(
      '`cifar`: 3x3 convolution, as in the common CIFAR code; `imagenet`: 7x7 of stride 2 and a max pool, with the names of torchvision',
    ),
  widen: z.number().int().min(1).max(8).default(1).describe('Factor on the inner width of bottlenecks: 2 is wide_resnet50_2'),
});
export type ResnetParams = z.infer<typeof params>;

/** What the two public codes call the shortcut's parts and the last layer. */
const NAMES = {
  cifar: { shortcut: ['shortcut.0', 'shortcut.1'], last: 'linear' },
  imagenet: { shortcut: ['downsample.0', 'downsample.1'], last: 'fc' },
} as const;

function bottleneck(
  g: GraphBuilder,
  x: NodeId,
  name: string,
  inC: number,
  [inner, outC]: readonly [number, number],
  stride: number,
  shortcut: readonly [string, string],
): NodeId {
  const a = g.relu(g.bn(g.conv(x, `${name}.conv1`, inC, inner, 1), `${name}.bn1`, inner));
  const b = g.relu(g.bn(g.conv(a, `${name}.conv2`, inner, inner, 3, stride), `${name}.bn2`, inner));
  const c = g.bn(g.conv(b, `${name}.conv3`, inner, outC, 1), `${name}.bn3`, outC);
  const same = stride === 1 && inC === outC;
  const s = same ? x : g.bn(g.conv(x, `${name}.${shortcut[0]}`, inC, outC, 1, stride), `${name}.${shortcut[1]}`, outC);
  return g.relu(g.add(c, s));
}

/** The graph with any count of blocks, for tests too. */
export function resnetGraph(
  blocks: readonly number[],
  kind: 'basic' | 'bottleneck',
  { stem, widen }: Pick<ResnetParams, 'stem' | 'widen'>,
  { inputShape, classes, mean, std }: ArchSetup,
): Graph {
  const { shortcut, last } = NAMES[stem];
  const g = new GraphBuilder();
  const from = g.normalize(0, mean, std);
  const first = stem === 'cifar' ? g.conv(from, 'conv1', inputShape[2], 64, 3) : g.conv(from, 'conv1', inputShape[2], 64, 7, 2);
  let x = g.relu(g.bn(first, 'bn1', 64));
  if (stem === 'imagenet') x = g.maxPool(x, 3, 2, 1);
  let inC = 64;
  for (const [stage, count] of blocks.entries()) {
    const width = 64 * 2 ** stage;
    const outC = kind === 'basic' ? width : 4 * width;
    for (let block = 0; block < count; block++) {
      const name = `layer${stage + 1}.${block}`;
      const stride = block === 0 && stage > 0 ? 2 : 1;
      x =
        kind === 'basic'
          ? basicBlock(g, x, name, inC, outC, stride, shortcut)
          : bottleneck(g, x, name, inC, [width * widen, outC], stride, shortcut);
      inC = outC;
    }
  }
  return g.finish(g.globalAvgPool(x), last, inC, { inputShape, classes });
}

export default defineArchitecture<ResnetParams>({
  name: 'resnet',
  title: 'ResNet',
  paper: 'He et al. 2016 (arXiv 1512.03385)',
  version: 1,
  params,
  members: {
    'resnet-18': 32,
    'resnet-34': 32,
    'resnet-50': 32,
    'resnet-18 stem=imagenet': 224,
    'resnet-34 stem=imagenet': 224,
    'resnet-50 stem=imagenet': 224,
    'wide-resnet-50-2': 224,
  },
  parse(name) {
    if (/^wide[-_]?resnet-?50[-_]2$/i.test(name)) return { depth: 50, stem: 'imagenet', widen: 2 };
    const depth = Number(/^resnet-?(18|34|50|101|152)$/i.exec(name)?.[1]);
    return depth ? { depth: depth as ResnetParams['depth'] } : undefined;
  },
  nameOf: ({ depth }) => `resnet-${depth}`,
  graph({ depth, ...rest }, setup) {
    const [blocks, kind] = BLOCKS[depth] as (typeof BLOCKS)[number];
    return resnetGraph(blocks, kind, rest, setup);
  },
});
