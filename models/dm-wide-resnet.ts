/** Wide residual networks as DeepMind trains them, Gowal et al. 2020 (arXiv 2010.03593): SiLU, and padding as TensorFlow's. */
import { z } from 'zod';
import { defineArchitecture } from './architecture.ts';
import { activate, convSame } from './graph/blocks.ts';
import { GraphBuilder, type NodeId } from './graph/graph.ts';
import { parseWide, wideParams, wideStages } from './graph/wide.ts';

const params = z.strictObject({
  ...wideParams,
  activation: z.enum(['silu', 'relu']).default('silu'),
});
type Params = z.infer<typeof params>;

function block(g: GraphBuilder, x: NodeId, name: string, inC: number, outC: number, stride: 1 | 2, fn: Params['activation']): NodeId {
  const a = activate(g, g.bn(x, `${name}.batchnorm_0`, inC), fn);
  const b = activate(g, g.bn(convSame(g, a, `${name}.conv_0`, inC, outC, stride), `${name}.batchnorm_1`, outC), fn);
  const c = g.conv(b, `${name}.conv_1`, outC, outC, 3);
  return g.add(c, inC === outC ? x : g.conv(a, `${name}.shortcut`, inC, outC, 1, stride));
}

export default defineArchitecture<Params>({
  name: 'dm-wrn',
  title: 'Wide ResNet of DeepMind',
  paper: 'Gowal et al. 2020 (arXiv 2010.03593)',
  version: 1,
  params,
  members: { 'dm-wrn-28-10': 32, 'dm-wrn-70-16': 32, 'dm-wrn-94-16': 32 },
  parse: (name) => parseWide(/^dm-?(?:wrn|wide-?resnet)-?(\d{1,4})-(\d{1,3})$/i, name),
  nameOf: ({ depth, widen }) => `dm-wrn-${depth}-${widen}`,
  graph({ activation, ...size }, { inputShape, classes, mean, std }) {
    const g = new GraphBuilder();
    const stem = g.conv(g.normalize(0, mean, std), 'init_conv', inputShape[2], 16, 3);
    const { x, channels } = wideStages(stem, size, (x, { stage, index, inC, outC, stride }) =>
      block(g, x, `layer.${stage}.block.${index}`, inC, outC, stride, activation),
    );
    const features = g.globalAvgPool(activate(g, g.bn(x, 'batchnorm', channels), activation));
    return g.finish(features, 'logits', channels, { inputShape, classes });
  },
});
