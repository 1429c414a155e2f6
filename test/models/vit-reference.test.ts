/** The reduced vision transformer of MOREL's code: tokens, features, logits and gradients beside the authors'. */
import { beforeAll, describe, expect, test } from 'vitest';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget } from '../../attacks/target.ts';
import { engine } from '../../engines/index.ts';
import type { Graph } from '../../models/graph/graph.ts';
import { architecture } from '../../models/index.ts';
import { Network } from '../../models/network.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenBatch, goldenJson, goldenTensor, goldenTransformer, largestDifference } from '../golden.ts';
import { testDevice } from '../torch/device.ts';

const N = 8;
const REFERENCE = (goldenJson('vit') as unknown as { vit: { ce: number[]; grad_norm: Record<string, number> } }).vit;

/** Names of MOREL's code as they are here. */
const renamed = (name: string): string => {
  const [rename] = (architecture('vit').renamings ?? []).map((f) => f(name)).filter((found) => found !== undefined);
  return rename ?? name;
};

/** What node `id` makes of `x`. */
async function outputOf(whole: Network, id: number, x: tf.Tensor4D): Promise<tf.Tensor> {
  const graph: Graph = { ...whole.graph, nodes: whole.graph.nodes.slice(0, id + 1), output: id, features: id };
  const part = new Network('part', graph, new Rng('part'));
  part.load(new Map([...(await whole.save())].filter(([name]) => part.params.has(name))), 'part');
  return tf.tidy(() => part.forward(x, { training: false }).logits);
}

const names = new Set(['wasm', 'torch', process.env.RAMPART_TEST_ENGINE ?? 'wasm']);
const engines = await Promise.all([...names].map(async (name) => ({ name, ...(await engine(name).probe()) })));

describe.each(engines)('on $name', ({ name, usable }) => {
  describe.skipIf(!usable)('the transformer', () => {
    let network: Network;
    let batch: ReturnType<typeof goldenBatch>;
    beforeAll(async () => {
      await engine(name).init({ threads: 1, device: name === 'torch' ? testDevice : 'cpu' });
      network = goldenTransformer();
      batch = goldenBatch(N);
    });

    test.each([
      ['the embedding', 'tokens', 'embedding_first2'],
      ['the first block', 'block', 'block0_first2'],
    ])('has the tokens of %s', async (_what, kind, entry) => {
      const ops = network.graph.nodes.map(({ op }) => op);
      // a block is two sums with the identity
      const id = kind === 'tokens' ? ops.indexOf('tokens') : ops.indexOf('add', ops.indexOf('add') + 1);
      const want = goldenTensor('vit', entry);
      const got = await outputOf(network, id, batch.x.slice([0, 0, 0, 0], [2, -1, -1, -1]));
      expect(largestDifference(got.reshape(want.shape), want)).toBeLessThan(1e-5);
    });

    test.each([false, true])('has the features and logits, in training: %s', (training) => {
      const { logits, features } = tf.tidy(() => network.forward(batch.x, { training }));
      expect(largestDifference(features, goldenTensor('vit', 'features'))).toBeLessThan(1e-5);
      expect(largestDifference(logits, goldenTensor('vit', 'logits'))).toBeLessThan(1e-5);
    });

    test('has the logits, losses and input gradient when frozen', () => {
      const target = createTarget(network.freeze(), 'vit');
      const { loss, logits, grad } = target.gradient(batch.x, crossEntropy(batch.y));
      expect(largestDifference(logits, goldenTensor('vit', 'logits'))).toBeLessThan(1e-5);
      expect([...loss.dataSync()]).toEqual(REFERENCE.ce.map((v) => expect.closeTo(v, 4)));
      const want = goldenTensor('vit', 'ce_grad');
      const off = grad.sub(want).norm().div(want.norm()).dataSync()[0];
      expect(off).toBeLessThan(1e-4);
      expect(largestDifference(grad, want)).toBeLessThan(1e-4 * (want.abs().max().dataSync()[0] as number));
    });

    test('has the gradient norm of every parameter', () => {
      const { grads } = tf.variableGrads(
        () => tf.losses.softmaxCrossEntropy(tf.oneHot(batch.y, 10), network.forward(batch.x, { training: true }).logits) as tf.Scalar,
        [...network.params.values()],
      );
      const got = Object.fromEntries([...network.params].map(([param, v]) => [param, grads[v.name]?.norm().dataSync()[0] ?? 0]));
      const wrong = Object.entries(REFERENCE.grad_norm).filter(
        ([theirs, norm]) => !(Math.abs((got[renamed(theirs)] ?? 0) - norm) < 0.01 * norm),
      );
      expect(wrong).toEqual([]);
      expect(Object.keys(got).sort()).toEqual(Object.keys(REFERENCE.grad_norm).map(renamed).sort());
    });
  });
});
