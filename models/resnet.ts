/** Residual networks for small images: He et al. 2016 (arXiv 1512.03385), Zagoruyko and Komodakis 2016 (arXiv 1605.07146). */

import type { ArchSetup } from './architecture.ts';
import { type Graph, GraphBuilder, type NodeId } from './graph.ts';

/** 3x3 conv 16 and three basic blocks of widths 16, 32, 64: 78,042 parameters. */
export function resnetTiny({ inputShape, classes, mean, std }: ArchSetup): Graph {
  const g = new GraphBuilder();
  let x = g.normalize(0, mean, std, 'enc.');
  x = g.relu(g.bn(g.conv(x, 'enc.conv1', inputShape[2], 16, 3), 'enc.bn1', 16));
  let width = 16;
  for (const [i, out] of [16, 32, 64].entries()) {
    x = basicBlock(g, x, `enc.layer${i + 1}`, width, out, i === 0 ? 1 : 2, ['short_conv', 'short_bn']);
    width = out;
  }
  return g.finish(g.globalAvgPool(x), 'linear', width, { inputShape, classes });
}

function basicBlock(
  g: GraphBuilder,
  x: NodeId,
  name: string,
  inC: number,
  outC: number,
  stride: number,
  shortcut: readonly [string, string],
): NodeId {
  const a = g.relu(g.bn(g.conv(x, `${name}.conv1`, inC, outC, 3, stride), `${name}.bn1`, outC));
  const b = g.bn(g.conv(a, `${name}.conv2`, outC, outC, 3), `${name}.bn2`, outC);
  const same = stride === 1 && inC === outC;
  const s = same ? x : g.bn(g.conv(x, `${name}.${shortcut[0]}`, inC, outC, 1, stride), `${name}.${shortcut[1]}`, outC);
  return g.relu(g.add(b, s));
}

function bottleneck(g: GraphBuilder, x: NodeId, name: string, inC: number, width: number, stride: number): NodeId {
  const outC = 4 * width;
  const a = g.relu(g.bn(g.conv(x, `${name}.conv1`, inC, width, 1), `${name}.bn1`, width));
  const b = g.relu(g.bn(g.conv(a, `${name}.conv2`, width, width, 3, stride), `${name}.bn2`, width));
  const c = g.bn(g.conv(b, `${name}.conv3`, width, outC, 1), `${name}.bn3`, outC);
  const same = stride === 1 && inC === outC;
  const s = same ? x : g.bn(g.conv(x, `${name}.shortcut.0`, inC, outC, 1, stride), `${name}.shortcut.1`, outC);
  return g.relu(g.add(c, s));
}

/** ResNet-18 and ResNet-50 for CIFAR: 3x3 stem, no max pool; names as in the common CIFAR implementation. */
export function resnet(blocks: readonly number[], kind: 'basic' | 'bottleneck'): (setup: ArchSetup) => Graph {
  return ({ inputShape, classes, mean, std }) => {
    const g = new GraphBuilder();
    let x = g.relu(g.bn(g.conv(g.normalize(0, mean, std), 'conv1', inputShape[2], 64, 3), 'bn1', 64));
    let inC = 64;
    for (const [stage, count] of blocks.entries()) {
      const width = 64 * 2 ** stage;
      for (let block = 0; block < count; block++) {
        const name = `layer${stage + 1}.${block}`;
        const stride = block === 0 && stage > 0 ? 2 : 1;
        x =
          kind === 'basic'
            ? basicBlock(g, x, name, inC, width, stride, ['shortcut.0', 'shortcut.1'])
            : bottleneck(g, x, name, inC, width, stride);
        inC = kind === 'basic' ? width : 4 * width;
      }
    }
    return g.finish(g.globalAvgPool(x), 'linear', inC, { inputShape, classes });
  };
}

/** bn-relu-conv twice; where the shape changes, the shortcut is a 1x1 convolution of the activated input. */
function preActBlock(g: GraphBuilder, x: NodeId, name: string, inC: number, outC: number, stride: number, shortcut: string): NodeId {
  const a = g.relu(g.bn(x, `${name}.bn1`, inC));
  const b = g.relu(g.bn(g.conv(a, `${name}.conv1`, inC, outC, 3, stride), `${name}.bn2`, outC));
  const c = g.conv(b, `${name}.conv2`, outC, outC, 3);
  return g.add(c, stride === 1 && inC === outC ? x : g.conv(a, `${name}.${shortcut}`, inC, outC, 1, stride));
}

/** Pre-activation ResNet-18 with a last batch normalisation, as in Rice et al. 2020 (arXiv 2002.11569). */
export function preActResnet18({ inputShape, classes, mean, std }: ArchSetup): Graph {
  const g = new GraphBuilder();
  let x = g.conv(g.normalize(0, mean, std), 'conv1', inputShape[2], 64, 3);
  let inC = 64;
  for (const [stage, width] of [64, 128, 256, 512].entries())
    for (let block = 0; block < 2; block++) {
      x = preActBlock(g, x, `layer${stage + 1}.${block}`, inC, width, block === 0 && stage > 0 ? 2 : 1, 'shortcut.0');
      inC = width;
    }
  return g.finish(g.globalAvgPool(g.relu(g.bn(x, 'bn', inC))), 'linear', inC, { inputShape, classes });
}

/** Wide ResNet: depth 6k+4, widths 16, 32, 64 times `widen`; names as in the common PyTorch implementation that TRADES uses. */
export function wideResnet(depth: number, widen: number): (setup: ArchSetup) => Graph {
  return ({ inputShape, classes, mean, std }) => {
    const g = new GraphBuilder();
    let x = g.conv(g.normalize(0, mean, std), 'conv1', inputShape[2], 16, 3);
    let inC = 16;
    for (const [stage, base] of [16, 32, 64].entries())
      for (let block = 0; block < (depth - 4) / 6; block++) {
        x = preActBlock(g, x, `block${stage + 1}.layer.${block}`, inC, base * widen, block === 0 && stage > 0 ? 2 : 1, 'convShortcut');
        inC = base * widen;
      }
    return g.finish(g.globalAvgPool(g.relu(g.bn(x, 'bn1', inC))), 'fc', inC, { inputShape, classes, init: 'normal' });
  };
}
