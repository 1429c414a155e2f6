/** Passes that are replayed into the memory of a recording, on its stand-in for the CPU: the bits of passes that are not. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { TorchBackend } from '../../engines/torch/backend.ts';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt, loadBinding } from '../../engines/torch/load.ts';
import type { Classifier } from '../../models/classifier.ts';
import { Rng } from '../../tensor/rng.ts';
import { tf } from '../../tensor/tf.ts';
import { goldenNetwork } from '../golden.ts';
import { testDevice } from './device.ts';

const ops = () => (tf.backend() as TorchBackend).ops;
const images = (n: number, key: string) => tf.tensor4d(new Rng(key).uniform(n * 3072), [n, 32, 32, 3]);
const directions = (n: number, key: string) => tf.tensor2d(new Rng(key).normal(n * 10), [n, 10]);

/** Logits and gradients of a few passes, and those of a forward pass alone. */
function passes(frozen: Classifier, n: number): number[][] {
  const all: number[][] = [];
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    const x = images(n, key);
    const lin = frozen.linearize?.(x);
    for (const way of ['one', 'other']) all.push([...(lin?.pullback(directions(n, key + way)).dataSync() ?? [])]);
    all.push([...(lin?.logits.dataSync() ?? [])]);
    lin?.dispose();
    all.push([...frozen.logits(x).dataSync()]);
  }
  return all;
}

describe.skipIf(!findBuilt())('replayed passes', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });
  afterEach(() => ops().graphReplays('on'));

  const ways = testDevice === 'cpu' ? ['again'] : ['again', 'on'];
  const each = ways.flatMap((way) => (['fp32', 'bf16'] as const).map((precision) => [way, precision] as const));

  test.each(each)('%s in %s: the bits of those that are not', (way, precision) => {
    const frozen = goldenNetwork().freeze(precision);
    ops().graphReplays('off');
    const want = passes(frozen, 5);
    expect(ops().graphReplayed()).toBe(0);
    ops().graphReplays(way);
    expect(passes(frozen, 5)).toEqual(want);
    // of five, two come before what is recorded: three forward with two back each, and three forward alone
    expect(ops().graphReplayed()).toBe(12);
    frozen.dispose();
  });

  test('what a pass gave is not that of a later one, and a pass that still is read is not replayed over', () => {
    const frozen = goldenNetwork().freeze();
    ops().graphReplays('again');
    passes(frozen, 3);
    const [one, other] = ['one', 'other'].map((key) => frozen.linearize?.(images(3, key)));
    const [first, second] = [one, other].map((lin) => [...(lin?.logits.dataSync() ?? [])]);
    expect(first).not.toEqual(second);
    const d = directions(3, 'd');
    const late = [one, other].map((lin) => [...(lin?.pullback(d).dataSync() ?? [])]);
    for (const lin of [one, other]) lin?.dispose();
    ops().graphReplays('off');
    const again = ['one', 'other'].map((key) => [...(frozen.linearize?.(images(3, key)).pullback(d).dataSync() ?? [])]);
    expect(late).toEqual(again);
    frozen.dispose();
  });

  test('of many shapes and of a network that is gone before its pass, none is mistaken for another', () => {
    const frozen = goldenNetwork().freeze();
    ops().graphReplays('off');
    const want = [1, 2, 3, 4, 5, 6, 1].map((n) => passes(frozen, n));
    ops().graphReplays('again');
    expect([1, 2, 3, 4, 5, 6, 1].map((n) => passes(frozen, n))).toEqual(want);
    const lin = frozen.linearize?.(images(1, 'a'));
    frozen.dispose();
    expect([...(lin?.pullback(directions(1, 'aone')).dataSync() ?? [])]).toEqual(want[0]?.[0]);
    lin?.dispose();
  });

  test('leave nothing behind', () => {
    ops().graphReplays('again');
    const { memory } = loadBinding(1).binding;
    const before = memory();
    const { numTensors } = tf.memory();
    tf.tidy(() => {
      const frozen = goldenNetwork();
      const compiled = frozen.freeze();
      passes(compiled, 2);
      compiled.dispose();
      frozen.dispose();
    });
    expect(tf.memory().numTensors).toBe(numTensors);
    expect(memory()).toEqual(before);
  });

  test('frozen again with other weights, as in training: those of the last network, never its numbers', () => {
    const weighted = (key: string) => {
      const network = goldenNetwork();
      const rng = new Rng(key);
      for (const [, v] of network.params) v.assign(v.add(tf.tensor(rng.normal(v.size), v.shape).mul(0.01)) as tf.Tensor);
      return network;
    };
    const run = (way: string) => {
      ops().graphReplays(way);
      return ['a', 'b', 'c'].map((key) => {
        const network = weighted(key);
        const frozen = network.freeze();
        const found = passes(frozen, 4);
        frozen.dispose();
        network.dispose();
        return found;
      });
    };
    const want = run('off');
    expect(run('again')).toEqual(want);
    // the second and the third network find the first one's passes recorded
    expect(ops().graphReplayed()).toBe(12 + 20 + 20);
  });

  test('no other way to replay is known', () => {
    expect(() => ops().graphReplays('sometimes')).toThrow('[torch] graphReplays(sometimes): no way to replay is called sometimes');
  });
});
