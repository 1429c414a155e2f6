/** Pre-activation residual networks, He et al. 2016 (arXiv 1603.05027), in the forms in which robust training uses them. */
import { z } from 'zod';
import { type ArchSetup, defineArchitecture } from './architecture.ts';
import { preActBlock } from './graph/blocks.ts';
import { type Graph, GraphBuilder } from './graph/graph.ts';

const params = z.strictObject({
  depth: z.union([z.literal(18), z.literal(34)]).default(18),
  shortcut: z
    .enum(['activated', 'raw'])
    .default('activated')
    .describe(
      'What the 1x1 convolution of a shortcut takes: the activated input (Rice et al. 2020, arXiv 2002.11569) or the raw one (Wong et al. 2020, arXiv 2001.03994). The two have the same weights by name',
    ),
  lastNorm: z.boolean().default(true).describe('Batch normalisation and ReLU before the last pool'),
});
export type PreActParams = z.infer<typeof params>;

/** The graph with any count of blocks, for tests too. */
export function preActGraph(
  blocks: readonly number[],
  { shortcut, lastNorm }: Pick<PreActParams, 'shortcut' | 'lastNorm'>,
  { inputShape, classes, mean, std }: ArchSetup,
): Graph {
  const g = new GraphBuilder();
  let x = g.conv(g.normalize(0, mean, std), 'conv1', inputShape[2], 64, 3);
  let inC = 64;
  for (const [stage, count] of blocks.entries()) {
    const width = 64 * 2 ** stage;
    for (let block = 0; block < count; block++) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      x = preActBlock(g, x, `layer${stage + 1}.${block}`, inC, width, stride, { name: 'shortcut.0', from: shortcut });
      inC = width;
    }
  }
  const features = lastNorm ? g.relu(g.bn(x, 'bn', inC)) : x;
  return g.finish(g.globalAvgPool(features), 'linear', inC, { inputShape, classes });
}

export default defineArchitecture<PreActParams>({
  name: 'preact-resnet',
  title: 'PreAct ResNet',
  paper: 'He et al. 2016 (arXiv 1603.05027)',
  version: 1,
  params,
  members: { 'preact-resnet-18': 32, 'preact-resnet-18 shortcut=raw lastNorm=false': 32, 'preact-resnet-34': 32 },
  parse(name) {
    const depth = Number(/^pre-?act-?resnet-?(18|34)$/i.exec(name)?.[1]);
    return depth ? { depth: depth as PreActParams['depth'] } : undefined;
  },
  nameOf: ({ depth }) => `preact-resnet-${depth}`,
  graph: ({ depth, ...rest }, setup) => preActGraph(depth === 18 ? [2, 2, 2, 2] : [3, 4, 6, 3], rest, setup),
});
