/** Wide residual networks, Zagoruyko and Komodakis 2016 (arXiv 1605.07146), with the names of the PyTorch code that TRADES and most robust models use. */
import { z } from 'zod';
import { defineArchitecture } from './architecture.ts';
import { preActBlock } from './graph/blocks.ts';
import { GraphBuilder } from './graph/graph.ts';

const params = z.strictObject({
  depth: z
    .number()
    .int()
    .min(10)
    .max(1000)
    .refine((d) => (d - 4) % 6 === 0, 'expected 6k + 4 layers')
    .default(28),
  widen: z.number().int().min(1).max(64).default(10),
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
  parse(name) {
    const found = /^(?:wrn|wide-?resnet)-?(\d{1,4})-(\d{1,3})$/i.exec(name);
    return found ? { depth: Number(found[1]), widen: Number(found[2]) } : undefined;
  },
  nameOf: ({ depth, widen }) => `wrn-${depth}-${widen}`,
  unread: ['sub_block1.'], // TRADES builds this block and never uses it
  graph({ depth, widen, lastBias }, { inputShape, classes, mean, std }) {
    const g = new GraphBuilder();
    let x = g.conv(g.normalize(0, mean, std), 'conv1', inputShape[2], 16, 3);
    let inC = 16;
    for (const [stage, base] of [16, 32, 64].entries())
      for (let block = 0; block < (depth - 4) / 6; block++) {
        const stride = block === 0 && stage > 0 ? 2 : 1;
        const shortcut = { name: 'convShortcut', from: 'activated' } as const;
        x = preActBlock(g, x, `block${stage + 1}.layer.${block}`, inC, base * widen, stride, shortcut);
        inC = base * widen;
      }
    const features = g.globalAvgPool(g.relu(g.bn(x, 'bn1', inC)));
    return g.finish(features, 'fc', inC, { inputShape, classes, init: 'normal', bias: lastBias });
  },
});
