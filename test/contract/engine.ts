/** What every engine must compute: PyTorch's logits and input gradients of a trained network; called by the test of each, which makes the engine current. */
import { expect, test } from 'vitest';
import type { TargetFeatures } from '../../attacks/attack.ts';
import { crossEntropy } from '../../attacks/parts/losses.ts';
import { createTarget, gradientOf } from '../../attacks/target.ts';
import { goldenBatch, goldenNetwork, goldenTensor, largestDifference } from '../golden.ts';

export interface EngineTolerance {
  /** Images whose logits are compared, of 64; an engine that is slow takes few. */
  readonly images: number;
  /** Of a logit, absolute. */
  readonly logits: number;
  /** Of a gradient, relative to the largest. */
  readonly gradient: number;
}

export function engineContract(name: string, { images, logits, gradient }: EngineTolerance): void {
  test(`on ${name} the clean logits are those of PyTorch to ${logits}, frozen or not`, () => {
    const network = goldenNetwork();
    const { x } = goldenBatch(images);
    const want = goldenTensor('attacks', 'clean_logits').slice([0, 0], [images, -1]);
    expect(largestDifference(network.logits(x), want)).toBeLessThan(logits);
    expect(largestDifference(network.freeze().logits(x), want)).toBeLessThan(logits);
  });

  test(`on ${name} the input gradient of the cross-entropy is that of PyTorch to ${gradient} relative, frozen or not`, () => {
    const network = goldenNetwork();
    const { x, y } = goldenBatch(16);
    const want = goldenTensor('attacks', 'ce_grad');
    const scale = want.abs().max().dataSync()[0] as number;
    for (const classifier of [network, network.freeze()]) {
      const { grad } = createTarget(classifier, 'reference').gradient(x, crossEntropy(y));
      expect(largestDifference(grad, want) / scale).toBeLessThan(gradient);
    }
  });

  test(`on ${name} features, put through the last layer, give these logits and pull back to these gradients`, () => {
    const target = createTarget(goldenNetwork().freeze('fp32', { features: true }), 'reference');
    const { x, y } = goldenBatch(16);
    const features = target.features as TargetFeatures;
    const pass = features.linearize(x);
    expect(pass.logits.shape).toEqual([16, features.width]);
    const clean = goldenTensor('attacks', 'clean_logits').slice([0, 0], [16, -1]);
    expect(largestDifference(features.logits(pass.logits), clean)).toBeLessThan(logits);
    const { grad } = gradientOf(pass, (z) => crossEntropy(y)(features.logits(z)));
    const want = goldenTensor('attacks', 'ce_grad');
    expect(largestDifference(grad, want) / (want.abs().max().dataSync()[0] as number)).toBeLessThan(gradient);
    expect(target.passes).toEqual({ forward: 16, backward: 16 });
  });
}
