/** A small convolutional network that learns in seconds: for the quick suite and for tests. */
import { z } from 'zod';
import { defineArchitecture } from './architecture.ts';
import { GraphBuilder } from './graph/graph.ts';

/** Three 3x3 convolutions of widths 16, 32, 64 and stride 2, each with batch normalisation and ReLU; flattened; linear. */
export default defineArchitecture({
  name: 'cnn-small',
  title: 'CNN 16-32-64',
  paper: '',
  version: 1,
  params: z.strictObject({}),
  members: { 'cnn-small': 32 },
  graph(_, { inputShape, classes, mean, std }) {
    const g = new GraphBuilder();
    let x = g.normalize(0, mean, std, '');
    let [height, width, channels] = inputShape;
    for (const [i, outC] of [16, 32, 64].entries()) {
      x = g.relu(g.bn(g.conv(x, `conv${i + 1}`, channels, outC, 3, 2), `bn${i + 1}`, outC));
      [height, width, channels] = [Math.ceil(height / 2), Math.ceil(width / 2), outC];
    }
    return g.finish(g.flatten(x), 'linear', height * width * channels, { inputShape, classes });
  },
});
