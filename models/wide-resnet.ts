/** Wide residual networks, Zagoruyko and Komodakis 2016 (arXiv 1605.07146), with the names of the PyTorch code that TRADES and most robust models use. */
import { z } from 'zod';
import { defineArchitecture } from './architecture.ts';
import { preActBlock } from './graph/blocks.ts';
import { GraphBuilder } from './graph/graph.ts';
import { parseWide, wideParams, wideStages } from './graph/wide.ts';

const params = z.strictObject({
  ...wideParams,
  lastBias: z.boolean().default(true).describe('Whether the last layer has a bias'),
});
type Params = z.infer<typeof params>;

export default defineArchitecture<Params>({
  name: 'wrn',
  title: 'Wide ResNet',
  paper: 'Zagoruyko and Komodakis 2016 (arXiv 1605.07146)',
  version: 1,
  params,
  members: { 'wrn-28-10': 32, 'wrn-34-10': 32, 'wrn-34-20': 32, 'wrn-70-16': 32 },
  parse: (name) => parseWide(/^(?:wrn|wide-?resnet)-?(\d{1,4})-(\d{1,3})$/i, name),
  nameOf: ({ depth, widen }) => `wrn-${depth}-${widen}`,
  unread: ['sub_block1.'], // TRADES builds this block and never uses it
  graph({ lastBias, ...size }, { inputShape, classes, mean, std }) {
    const g = new GraphBuilder();
    const stem = g.conv(g.normalize(0, mean, std), 'conv1', inputShape[2], 16, 3);
    const shortcut = { name: 'convShortcut', from: 'activated' } as const;
    const { x, channels } = wideStages(stem, size, (x, { stage, index, inC, outC, stride }) =>
      preActBlock(g, x, `block${stage + 1}.layer.${index}`, inC, outC, stride, shortcut),
    );
    const features = g.globalAvgPool(g.relu(g.bn(x, 'bn1', channels)));
    return g.finish(features, 'fc', channels, { inputShape, classes, init: 'normal', bias: lastBias });
  },
});
