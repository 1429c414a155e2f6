/** A residual network that a CPU trains in minutes: 3x3 convolution of 16 and three basic blocks of widths 16, 32, 64; 78,042 parameters. */
import { z } from 'zod';
import { defineArchitecture } from './architecture.ts';
import { basicBlock } from './graph/blocks.ts';
import { GraphBuilder } from './graph/graph.ts';

export default defineArchitecture({
  name: 'resnet-tiny',
  title: 'ResNet 16-32-64, three blocks',
  paper: 'He et al. 2016 (arXiv 1512.03385)',
  version: 1,
  params: z.strictObject({}),
  members: { 'resnet-tiny': 32 },
  graph(_, { inputShape, classes, mean, std }) {
    const g = new GraphBuilder();
    let x = g.normalize(0, mean, std, 'enc.');
    x = g.relu(g.bn(g.conv(x, 'enc.conv1', inputShape[2], 16, 3), 'enc.bn1', 16));
    let width = 16;
    for (const [i, out] of [16, 32, 64].entries()) {
      x = basicBlock(g, x, `enc.layer${i + 1}`, width, out, i === 0 ? 1 : 2, ['short_conv', 'short_bn']);
      width = out;
    }
    return g.finish(g.globalAvgPool(x), 'linear', width, { inputShape, classes });
  },
});
