/** A training pass run whole by the addon against the same network node by node on the tape. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BACKEND, type TorchBackend } from '../../engines/torch/backend.ts';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt, loadBinding } from '../../engines/torch/load.ts';
import { compileTrainingPass } from '../../engines/torch/training.ts';
import { type Graph, GraphBuilder } from '../../models/graph/graph.ts';
import { registerTrainingCompiler, type Wanted } from '../../models/graph/training.ts';
import { createNetwork } from '../../models/index.ts';
import { type Moments, Network } from '../../models/network.ts';
import { resnetGraph } from '../../models/resnet.ts';
import { batchNormForward, softmaxCrossEntropy } from '../../tensor/fused.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { testDevice } from './device.ts';

const SETUP = { inputShape: [16, 16, 3], classes: 10, mean: [0.5, 0.4, 0.3], std: [0.25, 0.2, 0.3] } as const;
const N = 8;
const X_SEED = 'x';

const x = () => tf.tensor4d(new Rng(X_SEED).uniform(N * 16 * 16 * 3), [N, 16, 16, 3]);
const labels = () =>
  tf.tensor1d(
    Int32Array.from({ length: N }, (_, i) => i),
    'int32',
  );

/** What no architecture of ours has: biases, a pool, a ReLU that two nodes read, sums of a node with itself, widths that fill no vector. */
function oddGraph() {
  const g = new GraphBuilder();
  const a = g.conv(g.normalize(0, SETUP.mean, SETUP.std), 'conv1', 3, 10, 3, 1, { bias: true });
  const b = g.relu(g.bn(a, 'bn1', 10));
  const c = g.bn(g.conv(b, 'conv2', 10, 10, 3), 'bn2', 10);
  const d = g.relu(g.add(g.add(c, c), b));
  const e = g.maxPool(g.relu(g.add(g.bn(g.conv(d, 'conv3', 10, 10, 1), 'bn3', 10), a)), 2);
  const f = g.bn(g.relu(e), 'bn4', 10);
  return g.finish(g.flatten(f), 'linear', 8 * 8 * 10, { inputShape: SETUP.inputShape, classes: 10 });
}

/** Maps of one point: in memory the gradient of its features is that of its last map. */
function pointGraph() {
  const g = new GraphBuilder();
  const a = g.bn(g.conv(0, 'conv1', 3, 8, 16, 1, { pad: 0 }), 'bn1', 8);
  return g.finish(g.flatten(a), 'linear', 8, { inputShape: SETUP.inputShape, classes: 10 });
}

interface Seen {
  readonly logits: tf.Tensor;
  readonly statistics: Map<string, tf.Tensor>;
  readonly grads: Map<string, tf.Tensor>;
  readonly ofInput: tf.Tensor;
}

/** Logits, running statistics after one pass, and every gradient of a mean cross-entropy. */
function see(network: Network, wanted: Wanted): Seen {
  const kept: { logits?: tf.Tensor } = {};
  const delta = tf.variable(tf.zeros([N, 16, 16, 3]));
  const y = labels();
  const loss = () => {
    const { logits } = network.forward(x().add(delta) as tf.Tensor4D, { training: true, wanted });
    kept.logits = tf.keep(logits);
    return softmaxCrossEntropy(logits, y).mean() as tf.Scalar;
  };
  const { grads } = tf.variableGrads(loss, [...network.params.values(), delta]);
  const named = [...network.params].map(([name, v]) => [name, grads[v.name] as tf.Tensor] as const);
  return {
    logits: kept.logits as tf.Tensor,
    statistics: new Map([...network.buffers].map(([name, v]) => [name, v.clone()])),
    grads: new Map(named),
    ofInput: grads[delta.name] as tf.Tensor,
  };
}

const relative = (got: tf.Tensor, want: tf.Tensor): number =>
  tf.tidy(() => got.sub(want).norm().div(want.norm().add(1e-6)).dataSync()[0] as number);

describe.skipIf(!findBuilt())('a training pass on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });
  afterEach(() => registerTrainingCompiler(BACKEND, compileTrainingPass));

  const own: Record<string, () => Graph> = {
    odd: oddGraph,
    point: pointGraph,
    stem: () => resnetGraph([1, 1, 1, 1], 'basic', { stem: 'imagenet', widen: 1 }, SETUP),
    bottlenecks: () => resnetGraph([1, 1, 1, 1], 'bottleneck', { stem: 'cifar', widen: 1 }, SETUP),
  };
  const make = (arch: string) => {
    const graph = own[arch]?.();
    return graph ? new Network(arch, graph, new Rng(arch)) : createNetwork(arch, SETUP, new Rng(arch));
  };

  function byNode(arch: string): Seen {
    registerTrainingCompiler(BACKEND, () => undefined);
    const seen = see(make(arch), 'both');
    registerTrainingCompiler(BACKEND, compileTrainingPass);
    return seen;
  }

  test.each(['resnet-tiny', 'cnn-small', 'preact-resnet-18', 'stem', 'bottlenecks', 'odd', 'point'])(
    'of %s has the logits, statistics and gradients of the tape',
    (arch) => {
      const want = byNode(arch);
      const got = see(make(arch), 'both');
      expect(compileTrainingPass(make(arch).graph)).toBeDefined();
      expect(relative(got.logits, want.logits)).toBeLessThan(1e-5);
      for (const [name, t] of want.statistics) expect(relative(got.statistics.get(name) as tf.Tensor, t), name).toBeLessThan(1e-5);
      for (const [name, t] of want.grads) expect(relative(got.grads.get(name) as tf.Tensor, t), name).toBeLessThan(2e-4);
      expect(relative(got.ofInput, want.ofInput)).toBeLessThan(2e-4);
    },
  );

  test.each([
    ['parameters', 'resnet-tiny'],
    ['input', 'resnet-tiny'],
    ['input', 'point'],
  ] as const)('hinted at %s of %s, gives every gradient all the same', (wanted, arch) => {
    const want = see(make(arch), 'both');
    const got = see(make(arch), wanted);
    for (const [name, t] of want.grads) expect(relative(got.grads.get(name) as tf.Tensor, t), name).toBeLessThan(1e-6);
    expect(relative(got.ofInput, want.ofInput)).toBeLessThan(1e-6);
  });

  test('differentiates the weights that it ran with, though they changed since', () => {
    const network = make('cnn-small');
    const want = see(make('cnn-small'), 'both');
    const y = labels();
    const { grads } = tf.variableGrads(() => {
      const { logits } = network.forward(x(), { training: true });
      for (const v of network.params.values()) if (v.shape.length === 4) v.assign(tf.zerosLike(v));
      return softmaxCrossEntropy(logits, y).mean() as tf.Scalar;
    }, [...network.params.values()]);
    for (const [name, v] of network.params)
      expect(relative(grads[v.name] as tf.Tensor, want.grads.get(name) as tf.Tensor), name).toBeLessThan(1e-6);
  });

  test('moves the running statistics once more for the recorded ones', () => {
    const [once, twice] = [make('cnn-small'), make('cnn-small')];
    const recorded: Moments[] = [];
    tf.tidy(() => {
      once.forward(x(), { training: true, record: recorded });
      for (const moments of recorded) once.moveStatistics(moments);
      for (let i = 0; i < 2; i++) twice.forward(x(), { training: true });
    });
    for (const [name, v] of twice.buffers) expect(relative(once.buffers.get(name) as tf.Tensor, v), name).toBeLessThan(1e-6);
    tf.dispose(recorded.flatMap(({ mean, variance }) => [mean, variance]));
  });

  // `again` is the stand-in for CUDA graphs on a CPU
  test.each(testDevice === 'cpu' ? ['again'] : ['again', 'on'])(
    'replayed (%s) step after step, alone and two at a time, has the bits of passes that are not',
    (way) => {
      const { ops } = tf.backend() as TorchBackend;
      const train = (mode: string) => {
        ops.graphReplays(mode);
        const network = make('resnet-tiny');
        const y = labels();
        const seen: number[][] = [];
        for (let step = 0; step < 5; step++) {
          const images = tf.tensor4d(new Rng(`step ${step}`).uniform(N * 16 * 16 * 3), [N, 16, 16, 3]);
          // an objective of two passes that live together, of one, and a gradient of the input
          const { grads } = tf.variableGrads(() => {
            const logits = network.forward(images, { training: true, wanted: 'parameters' }).logits;
            if (step % 2 === 1) return softmaxCrossEntropy(logits, y).mean() as tf.Scalar;
            const others = network.forward(images.mul(0.5) as tf.Tensor4D, { training: true, wanted: 'parameters' }).logits;
            return softmaxCrossEntropy(logits, y).add(softmaxCrossEntropy(others, y)).mean() as tf.Scalar;
          }, [...network.params.values()]);
          const ofInput = tf.grad((z: tf.Tensor) => network.forward(z as tf.Tensor4D, { training: true, wanted: 'input' }).logits)(images);
          for (const [, v] of network.params) v.assign(v.sub((grads[v.name] as tf.Tensor).mul(0.1)));
          for (const t of [ofInput, ...network.params.values(), ...network.buffers.values()]) seen.push([...t.dataSync()]);
        }
        return { seen, replayed: ops.graphReplayed() };
      };
      const want = train('off');
      const got = train(way);
      ops.graphReplays('on');
      expect(want.replayed).toBe(0);
      expect(got.replayed).toBeGreaterThan(12);
      expect(got.seen).toEqual(want.seen);
    },
  );

  test('replayed for networks that differ in their widths alone, is never taken for that of another', () => {
    const { ops } = tf.backend() as TorchBackend;
    const run = (mode: string) => {
      ops.graphReplays(mode);
      const [wide, narrow] = [8, 1].map((width) => {
        const g = new GraphBuilder();
        const a = g.relu(g.bn(g.conv(0, 'conv1', 3, width, 3), 'bn1', width));
        return new Network('', g.finish(g.globalAvgPool(a), 'linear', width, { ...SETUP }), new Rng('width'));
      }) as [Network, Network];
      return [wide, narrow, wide].flatMap((network) =>
        Array.from({ length: 4 }, () => tf.tidy(() => [...network.forward(x(), { training: true }).logits.dataSync()])),
      );
    };
    const want = run('off');
    expect(run('again')).toEqual(want);
    ops.graphReplays('on');
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('statistics of a batch with %d are not finite', (broken) => {
    const one = tf.ones([2]) as tf.Tensor1D;
    for (const place of [0, 5]) {
      const values = new Rng('values').uniform(24);
      values[place] = broken;
      const { mean, variance } = batchNormForward(tf.tensor4d(values, [3, 2, 2, 2]), one, one, 1e-5);
      for (const t of [mean, variance]) expect([...t.isFinite().dataSync()]).toEqual([place, place + 1].map((i) => i % 2));
    }
  });

  test.skipIf(testDevice !== 'cpu')('on two threads has the gradients of one, of wide filters too', async () => {
    const one = ['preact-resnet-18', 'odd'].map((arch) => see(make(arch), 'both'));
    await torch.init({ threads: 2, device: testDevice });
    const two = ['preact-resnet-18', 'odd'].map((arch) => see(make(arch), 'both'));
    await torch.init({ threads: 1, device: testDevice });
    one.forEach((want, i) => {
      const got = two[i] as Seen;
      expect(relative(got.logits, want.logits)).toBeLessThan(1e-5);
      for (const [name, t] of want.grads) expect(relative(got.grads.get(name) as tf.Tensor, t), name).toBeLessThan(2e-4);
    });
  });

  test('leaves nothing behind, differentiated or not', () => {
    const network = make('resnet-tiny');
    const step = (wanted: Wanted) =>
      tf.tidy(() => {
        network.forward(x(), { training: true, wanted });
        tf.grad((z: tf.Tensor) => network.forward(z as tf.Tensor4D, { training: true, wanted }).logits)(x());
      });
    step('both');
    const { binding } = loadBinding(1);
    const [tensors, { slots }] = [tf.memory().numTensors, binding.memory()];
    for (const wanted of ['both', 'input', 'parameters'] as const) step(wanted);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(binding.memory().slots).toBe(slots);
  });
});
