/** A small convolutional network that learns in seconds: for the quick suite and for tests. */
import { type Graph, GraphBuilder } from './graph.ts';
import type { ArchSetup } from './index.ts';

/** Three 3x3 convolutions of widths 16, 32, 64, the last two with stride 2, each with batch normalisation and ReLU; mean over space; linear. */
export function cnnSmall({ inputShape, classes, mean, std }: ArchSetup): Graph {
  const g = new GraphBuilder();
  let x = g.normalize(0, mean, std, '');
  let inC = inputShape[2];
  for (const [i, width] of [16, 32, 64].entries()) {
    x = g.relu(g.bn(g.conv(x, `conv${i + 1}`, inC, width, 3, i === 0 ? 1 : 2), `bn${i + 1}`, width));
    inC = width;
  }
  return g.finish(g.globalAvgPool(x), 'linear', inC, { inputShape, classes });
}
