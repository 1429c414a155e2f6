/** Wide residual networks as DeepMind trains them, Gowal et al. 2020 (arXiv 2010.03593): SiLU, and padding as TensorFlow's. */
import { z } from 'zod';
import { defineArchitecture } from './architecture.ts';
import { activate, convSame } from './graph/blocks.ts';
import { GraphBuilder, type NodeId } from './graph/graph.ts';

const params = z.strictObject({
  depth: z
    .number()
    .int()
    .min(10)
    .max(1000)
    .refine((d) => (d - 4) % 6 === 0, 'expected 6k + 4 layers')
    .default(28),
  widen: z.number().int().min(1).max(64).default(10),
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
  parse(name) {
    const found = /^dm-?(?:wrn|wide-?resnet)-?(\d{1,4})-(\d{1,3})$/i.exec(name);
    return found ? { depth: Number(found[1]), widen: Number(found[2]) } : undefined;
  },
  nameOf: ({ depth, widen }) => `dm-wrn-${depth}-${widen}`,
  graph({ depth, widen, activation }, { inputShape, classes, mean, std }) {
    const g = new GraphBuilder();
    let x = g.conv(g.normalize(0, mean, std), 'init_conv', inputShape[2], 16, 3);
    let inC = 16;
    for (const [stage, base] of [16, 32, 64].entries())
      for (let i = 0; i < (depth - 4) / 6; i++) {
        x = block(g, x, `layer.${stage}.block.${i}`, inC, base * widen, i === 0 && stage > 0 ? 2 : 1, activation);
        inC = base * widen;
      }
    const features = g.globalAvgPool(activate(g, g.bn(x, 'batchnorm', inC), activation));
    return g.finish(features, 'logits', inC, { inputShape, classes });
  },
});
