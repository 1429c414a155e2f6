/** Pre-activation residual networks as DeepMind trains them, Rebuffi et al. 2021 (arXiv 2103.01946): SiLU, 3x3 shortcuts of the raw input, padding as TensorFlow's. */
import { z } from 'zod';
import { defineArchitecture } from './architecture.ts';
import { activate, convSame } from './graph/blocks.ts';
import { GraphBuilder, type NodeId } from './graph/graph.ts';

const params = z.strictObject({
  depth: z.union([z.literal(18), z.literal(34)]).default(18),
  activation: z.enum(['silu', 'relu']).default('silu'),
});
type Params = z.infer<typeof params>;

function block(g: GraphBuilder, x: NodeId, name: string, inC: number, outC: number, stride: 1 | 2, fn: Params['activation']): NodeId {
  const a = activate(g, g.bn(x, `${name}.batchnorm_0`, inC), fn);
  const b = activate(g, g.bn(convSame(g, a, `${name}.conv_2d_1`, inC, outC, stride), `${name}.batchnorm_1`, outC), fn);
  const c = g.conv(b, `${name}.conv_2d_2`, outC, outC, 3);
  return g.add(c, stride === 1 && inC === outC ? x : convSame(g, x, `${name}.shortcut`, inC, outC, stride));
}

export default defineArchitecture<Params>({
  name: 'dm-preact-resnet',
  title: 'PreAct ResNet of DeepMind',
  paper: 'Rebuffi et al. 2021 (arXiv 2103.01946)',
  version: 1,
  params,
  members: { 'dm-preact-resnet-18': 32, 'dm-preact-resnet-34': 32 },
  parse(name) {
    const depth = Number(/^dm-?pre-?act-?resnet-?(18|34)$/i.exec(name)?.[1]);
    return depth ? { depth: depth as Params['depth'] } : undefined;
  },
  nameOf: ({ depth }) => `dm-preact-resnet-${depth}`,
  graph({ depth, activation }, { inputShape, classes, mean, std }) {
    const g = new GraphBuilder();
    let x = g.conv(g.normalize(0, mean, std), 'conv_2d', inputShape[2], 64, 3);
    let inC = 64;
    for (const [stage, count] of (depth === 18 ? [2, 2, 2, 2] : [3, 4, 6, 3]).entries()) {
      const width = 64 * 2 ** stage;
      for (let i = 0; i < count; i++) {
        x = block(g, x, `layer_${stage}.${i}`, inC, width, i === 0 && stage > 0 ? 2 : 1, activation);
        inC = width;
      }
    }
    const features = g.globalAvgPool(activate(g, g.bn(x, 'batchnorm', inC), activation));
    return g.finish(features, 'logits', inC, { inputShape, classes });
  },
});
