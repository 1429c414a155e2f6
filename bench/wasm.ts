/** Speed of the embedded engine on one core, in GFLOP/s: steps of a network, then every convolution of it. `npm run bench:wasm -- [arch] [batch]`. */
import { wasm } from '../engines/wasm/index.ts';
import { multiplyAdds, type Node, shapesOf } from '../models/graph/graph.ts';
import { createNetwork } from '../models/index.ts';
import type { Network } from '../models/network.ts';
import { sgdMomentum, softmaxCrossEntropy } from '../tensor/fused.ts';
import { Rng } from '../tensor/rng.ts';
import { type Shape, tf } from '../tensor/tf.ts';

/** Two floating-point operations for each multiply-add. */
const FLOPS = 2;
/** Forward, input gradient and weight gradient each cost the multiply-adds of a forward pass. */
const PASSES = { forward: 1, 'input gradient': 2, 'training step': 3 };
const ROUNDS = 9;

/** Medians of interleaved measurements, in milliseconds: what else the machine does falls on all alike. */
function measure(tasks: Record<string, () => void>): Record<string, number> {
  const times = new Map(Object.keys(tasks).map((name) => [name, [] as number[]]));
  for (let round = -2; round < ROUNDS; round++)
    for (const [name, run] of Object.entries(tasks)) {
      const start = performance.now();
      run();
      if (round >= 0) times.get(name)?.push(performance.now() - start); // the first two rounds compile
    }
  return Object.fromEntries([...times].map(([name, all]) => [name, all.sort((a, b) => a - b)[ROUNDS >> 1] as number]));
}

function report(rows: readonly { name: string; ms: number; flops: number }[]): void {
  for (const { name, ms, flops } of rows)
    console.log(`${name.padEnd(44)} ${ms.toFixed(1).padStart(8)} ms ${(flops / ms / 1e6).toFixed(1).padStart(7)} GFLOP/s`);
}

function stepsOf(network: Network, x: tf.Tensor4D, y: tf.Tensor1D): Record<keyof typeof PASSES, () => void> {
  const weights = [...network.params.values()];
  const momenta = weights.map((w) => tf.variable(tf.zeros(w.shape), false));
  const frozen = network.freeze();
  const linearize = frozen.linearize?.bind(frozen);
  if (!linearize) throw new Error('a frozen network offers its gradient');
  return {
    forward: () => tf.tidy(() => void frozen.logits(x)),
    'input gradient': () =>
      tf.tidy(() => {
        const lin = linearize(x);
        lin.pullback(tf.softmax(lin.logits));
        lin.dispose();
      }),
    'training step': () =>
      tf.tidy(() => {
        const loss = () => softmaxCrossEntropy(network.forward(x, { training: true }).logits, y).mean() as tf.Scalar;
        const { grads } = tf.variableGrads(loss, weights);
        weights.forEach((w, i) => {
          sgdMomentum([w], [grads[w.name] as tf.Tensor], [momenta[i] as tf.Variable], { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 });
        });
      }),
  };
}

type Conv = Extract<Node, { op: 'conv' }>;

/** Forward, input gradient and filter gradient of one convolution on random values. */
function kernelsOf(node: Conv, batch: number, from: Shape, to: Shape): Record<string, () => void> {
  const x = tf.randomNormal<tf.Rank.R4>([batch, ...from]);
  const dy = tf.randomNormal([batch, ...to]);
  const filter = tf.randomNormal([node.kernel, node.kernel, node.inC, node.outC]) as tf.Tensor4D;
  const attrs = { strides: [node.stride, node.stride], pad: node.pad, dataFormat: 'NHWC', dimRoundingMode: 'floor' };
  const run = (name: string, inputs: Record<string, tf.Tensor>, more: Record<string, unknown>) => () =>
    tf.dispose(tf.engine().runKernel(name, inputs, { ...attrs, ...more } as unknown as tf.NamedAttrMap) as unknown as tf.Tensor);
  return {
    forward: () => tf.dispose(tf.conv2d(x, filter, node.stride, node.pad, 'NHWC', 1, 'floor')),
    'input gradient': run('Conv2DBackpropInput', { dy, filter }, { inputShape: x.shape }),
    'filter gradient': run('Conv2DBackpropFilter', { x, dy }, { filterShape: filter.shape }),
  };
}

const arch = process.argv[2] ?? 'resnet-tiny';
const batch = Number(process.argv[3] ?? 128);
const { version } = await wasm.init({ threads: 1, device: 'cpu' });
const setup = { inputShape: [32, 32, 3], classes: 10, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
const network = createNetwork(arch, setup, new Rng('bench'));
const flops = FLOPS * multiplyAdds(network.graph) * batch;
console.log(
  `${arch}, batch ${batch}, ${(multiplyAdds(network.graph) / 1e6).toFixed(2)} million multiply-adds per image; TensorFlow.js wasm ${version}, one core`,
);

const x = tf.tensor4d(new Rng('images').uniform(batch * 32 * 32 * 3), [batch, 32, 32, 3]);
const y = tf.tensor1d(
  Array.from({ length: batch }, (_, i) => i % 10),
  'int32',
);
const steps = measure(stepsOf(network, x, y));
report(Object.entries(PASSES).map(([name, passes]) => ({ name, ms: steps[name] as number, flops: passes * flops })));

const shapes = shapesOf(network.graph);
const seen = new Set<string>();
for (const [i, node] of network.graph.nodes.entries()) {
  if (node.op !== 'conv') continue;
  const from = shapes[node.input] as Shape;
  const title = `conv ${node.kernel}x${node.kernel}/${node.stride} ${from.join('x')} -> ${node.outC}`;
  if (seen.has(title)) continue;
  seen.add(title);
  const to = shapes[i] as Shape;
  const once = FLOPS * batch * to[0] * to[1] * node.kernel ** 2 * node.inC * node.outC;
  const times = measure(kernelsOf(node, batch, from, to));
  report(Object.entries(times).map(([name, ms]) => ({ name: `${title}, ${name}`, ms, flops: once })));
}
