/** A network whose training pass an engine runs as one operation: the same answers and statistics as node by node. */
import { beforeAll, expect, test } from 'vitest';
import { type Graph, GraphBuilder, type Node } from '../../models/graph/graph.ts';
import { registerTrainingCompiler, type TrainingProgram, type Wanted } from '../../models/graph/training.ts';
import { type Moments, Network } from '../../models/network.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';

const SHAPE = [2, 3, 2] as const;

/** Normalisation of the pixels, a convolution to one value per image and channel, two batch normalisations, a linear layer. */
function graph(): Graph {
  const g = new GraphBuilder();
  const first = g.bn(g.conv(g.normalize(0, [0.1, 0.2], [0.5, 2]), 'conv', 2, 3, 3), 'first', 3);
  return g.finish(g.globalAvgPool(g.bn(g.relu(first), 'second', 3)), 'fc', 3, { inputShape: [...SHAPE], classes: 2 });
}

const images = (n: number) => tf.tensor4d(new Rng('images').uniform(n * 12), [n, ...SHAPE]);
const network = () => new Network('whole', graph(), new Rng('weights'));
const close = (got: tf.Tensor | undefined, want: tf.Tensor | undefined) => {
  expect(got?.shape).toEqual(want?.shape);
  const wanted = want?.dataSync() ?? [];
  Array.from(got?.dataSync() ?? []).forEach((v, i) => {
    expect(v).toBeCloseTo(wanted[i] as number, 5);
  });
};

/** What the compiled pass was asked for. */
const asked: Wanted[] = [];

/** The training pass of `graph()` as an engine would run it, written down once more. */
const compiled = ({ nodes }: Graph): TrainingProgram => ({
  norms: [
    { name: 'first', channels: 3 },
    { name: 'second', channels: 3 },
  ],
  run(x, values, wanted) {
    asked.push(wanted);
    const [mean, std] = values.normalization(nodes[1] as Node);
    const seen: { mean: tf.Tensor1D; variance: tf.Tensor1D }[] = [];
    const normalised = (y: tf.Tensor, name: string) => {
      const { mean, variance } = tf.moments(y, [0, 1, 2]) as { mean: tf.Tensor1D; variance: tf.Tensor1D };
      seen.push({ mean, variance });
      return y
        .sub(mean)
        .mul(variance.add(1e-5).rsqrt())
        .mul(values.value(`${name}.weight`))
        .add(values.value(`${name}.bias`));
    };
    const pixels = x.sub(mean).div(std) as tf.Tensor4D;
    const conv = tf.conv2d(pixels, values.value('conv.weight') as tf.Tensor4D, 1, 'same');
    const features = normalised(normalised(conv, 'first').relu(), 'second').mean([1, 2]) as tf.Tensor2D;
    return {
      features,
      means: tf.concat(seen.map((s) => s.mean)),
      variances: tf.concat(seen.map((s) => s.variance)),
    };
  },
});

let byNode: Network;
let whole: Network;
const record: Record<'byNode' | 'whole', Moments[]> = { byNode: [], whole: [] };
const answers: Record<'byNode' | 'whole', { logits: tf.Tensor; features: tf.Tensor }[]> = { byNode: [], whole: [] };

beforeAll(async () => {
  await tf.setBackend('cpu');
  byNode = network();
  answers.byNode.push(byNode.forward(images(4), { training: true, record: record.byNode }));
  registerTrainingCompiler('cpu', (of) => (of.classes === 2 ? compiled(of) : undefined));
  whole = network();
  answers.whole.push(whole.forward(images(4), { training: true, record: record.whole, wanted: 'input' }));
});

test('logits and features are those of the passes node by node', () => {
  close(answers.whole[0]?.logits, answers.byNode[0]?.logits);
  close(answers.whole[0]?.features, answers.byNode[0]?.features);
  expect([whole.forwarded, byNode.forwarded]).toEqual([4, 4]);
});

test('the running statistics move alike, each normalisation by its own count', () => {
  for (const [name, buffer] of byNode.buffers) close(whole.buffers.get(name), buffer);
  expect(whole.buffers.get('first.running_mean')?.dataSync()).not.toEqual(new Float32Array(3));
});

test('statistics are recorded for all normalisations at once, and moving by them again is another pass', () => {
  expect(record.whole.map((m) => m.layers)).toEqual([
    [
      { name: 'first', count: 24 },
      { name: 'second', count: 24 },
    ],
  ]);
  close(record.whole[0]?.mean, tf.concat(record.byNode.map((m) => m.mean)));
  close(record.whole[0]?.variance, tf.concat(record.byNode.map((m) => m.variance)));
  for (const moments of record.byNode) byNode.moveStatistics(moments);
  for (const moments of record.whole) whole.moveStatistics(moments);
  for (const [name, buffer] of byNode.buffers) close(whole.buffers.get(name), buffer);
});

test('the engine is told what will be differentiated: all of it where nobody says', () => {
  whole.forward(images(2), { training: true });
  whole.forward(images(2), { training: true, wanted: 'parameters' });
  expect(asked).toEqual(['input', 'both', 'parameters']);
});

test('an evaluation is not its business, nor is a graph that it cannot run', () => {
  const before = asked.length;
  whole.logits(images(2));
  const g = new GraphBuilder();
  const other = g.finish(g.globalAvgPool(g.bn(0, 'bn', 2)), 'fc', 2, { inputShape: [...SHAPE], classes: 3 });
  expect(new Network('other', other, new Rng('other')).forward(images(2), { training: true }).logits.shape).toEqual([2, 3]);
  expect(asked).toHaveLength(before);
});
