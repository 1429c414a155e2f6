/** The fused operations of every engine that has its own kernels for them, against TensorFlow.js's operations on the plain backend. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { wasm } from '../../engines/wasm/index.ts';
import * as fused from '../../tensor/fused.ts';
import { Linf } from '../../tensor/norms/linf.ts';
import { tf } from '../../tensor/tf.ts';
import { differences, drawn } from './compare.ts';

const images = fc.tuple(
  fc.integer({ min: 1, max: 5 }),
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 1, max: 21 }),
);
const overImages = (numRuns: number, body: (shape: [number, number, number, number]) => Promise<void>) =>
  fc.assert(fc.asyncProperty(images, body), { seed: 5, numRuns });

const engines = await Promise.all([wasm, torch].map(async (engine) => ({ engine, name: engine.name, ...(await engine.probe()) })));

describe.each(engines)('on $name', ({ engine, name, usable }) => {
  describe.skipIf(!usable)('fused', () => {
    beforeAll(async () => {
      await engine.init({ threads: 1, device: 'cpu' });
    });

    async function expectSame(compute: () => tf.Tensor[], bound: number): Promise<void> {
      for (const difference of await differences(compute, name)) expect(difference).toBeLessThan(bound);
      await tf.setBackend(name);
    }

    test('batch normalisation has the output, the moments and the gradients of the composed form', () =>
      overImages(60, async (shape) => {
        if (shape[0] * shape[1] * shape[2] < 3) return; // with two values each gradient is zero but for rounding
        const c = shape[3];
        await expectSame(() => {
          const moments: tf.Tensor[] = [];
          const normalise = (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor =>
            fused.batchNormTrain(x as tf.Tensor4D, gamma as tf.Tensor1D, beta as tf.Tensor1D, 1e-5, (mean, variance) => {
              moments.push(tf.keep(mean.clone()), tf.keep(variance.clone())); // the scope of a gradient ends before the test does
            });
          const [x, gamma, beta] = [drawn(shape).mul(2).add(0.5), drawn([c], 'gamma').add(2), drawn([c], 'beta')];
          const { value, grads } = tf.valueAndGrads(normalise)([x, gamma, beta], drawn(shape, 'dy'));
          return [value, ...grads, ...moments.slice(0, 2)];
        }, 2e-4);
      }));

    test('batch statistics are exact where the mean is a thousand times the spread', () => {
      const n = 5000;
      const noise = drawn([n, 1, 1, 4], 'far');
      const x = noise.add(1000) as tf.Tensor4D;
      const values = x.dataSync();
      const at = (i: number) => values[4 * i + 2] as number;
      let mean = 0;
      for (let i = 0; i < n; i++) mean += at(i) / n;
      let variance = 0;
      for (let i = 0; i < n; i++) variance += (at(i) - mean) ** 2 / n;
      fused.batchNormTrain(x, tf.ones<tf.Rank.R1>([4]), tf.zeros<tf.Rank.R1>([4]), 1e-5, (m, v) => {
        expect((m.dataSync()[2] as number) / mean).toBeCloseTo(1, 6);
        expect((v.dataSync()[2] as number) / variance).toBeCloseTo(1, 4);
      });
    });

    test('the gradient of ReLU is that of the composed form', () =>
      overImages(30, (shape) => expectSame(() => [fused.reluGrad(drawn(shape, 'dy'), tf.relu(drawn(shape)))], 1e-9)));

    test('cross-entropy and its gradient are those of the composed form, at large logits too', () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 9 }),
          fc.integer({ min: 2, max: 101 }),
          fc.constantFrom(1, 80),
          async (n, classes, scale) => {
            await expectSame(() => {
              const labels = tf.tensor1d(
                Array.from({ length: n }, (_, i) => (i * 7) % classes),
                'int32',
              );
              const loss = (z: tf.Tensor): tf.Tensor => fused.softmaxCrossEntropy(z as tf.Tensor2D, labels);
              const { value, grad } = tf.valueAndGrad(loss)(drawn([n, classes]).mul(scale), drawn([n], 'dy'));
              return [value, grad];
            }, 3e-6);
          },
        ),
        { seed: 5, numRuns: 40 },
      ));

    test('three steps of SGD with momentum and weight decay are those of the composed form', () =>
      overImages(20, (shape) =>
        expectSame(() => {
          const [w, m] = [tf.variable(drawn(shape)), tf.variable(tf.zeros(shape))];
          for (let i = 0; i < 3; i++) fused.sgdMomentum([w], [drawn(shape, `g${i}`)], [m], { lr: 0.1, momentum: 0.9, weightDecay: 5e-4 });
          return [w.clone(), m.clone()];
        }, 1e-6),
      ));

    test('the sign step is that of the composed form, and stays where the gradient is zero', () =>
      overImages(30, (shape) =>
        expectSame(() => {
          const origin = drawn(shape, 'origin').abs().clipByValue(0, 1) as tf.Tensor4D;
          const x = origin.add(drawn(shape, 'x').mul(0.02)) as tf.Tensor4D;
          return [fused.signStep(x, drawn(shape, 'grad') as tf.Tensor4D, origin, 2 / 255, 8 / 255)];
        }, 1e-7),
      ));

    test('the KL divergence and both of its gradients are those of the composed form', () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 9 }),
          fc.integer({ min: 2, max: 21 }),
          fc.constantFrom(1, 20),
          async (n, classes, scale) => {
            const [p, q, dy] = [drawn([n, classes], 'p').mul(scale), drawn([n, classes], 'q').mul(scale), drawn([n], 'dy')];
            const ofFused = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => fused.klDivergence(a as tf.Tensor2D, b as tf.Tensor2D);
            const composed = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
              tf
                .softmax(a as tf.Tensor2D)
                .mul(tf.logSoftmax(a as tf.Tensor2D).sub(tf.logSoftmax(b as tf.Tensor2D)))
                .sum(1);
            const [got, want] = [ofFused, composed].map((f) => tf.valueAndGrads(f)([p, q], dy)) as [
              ReturnType<ReturnType<typeof tf.valueAndGrads>>,
              ReturnType<ReturnType<typeof tf.valueAndGrads>>,
            ];
            const near = (a: tf.Tensor, b: tf.Tensor) => expect(a.sub(b).abs().max().dataSync()[0]).toBeLessThan(1e-5 * scale * scale);
            near(got.value, want.value);
            for (const [i, grad] of got.grads.entries()) near(grad, want.grads[i] as tf.Tensor);
          },
        ),
        { seed: 5, numRuns: 30 },
      ));

    test('points come into cubes of their own radius and into the box, and rows by a mask, as in the composed form', () =>
      overImages(30, async (shape) => {
        await expectSame(() => {
          const [x, origin] = [drawn(shape).mul(2), drawn(shape, 'origin').mul(0.5).add(0.5)] as [tf.Tensor4D, tf.Tensor4D];
          const radius = tf.tensor1d(Array.from({ length: shape[0] }, (_, i) => 0.1 * i));
          const mask = tf.tensor1d(Array.from({ length: shape[0] }, (_, i) => i % 2));
          const within = Linf.project(x, origin, radius.reshape([-1, 1, 1, 1]));
          return [fused.intoCubes(x, origin, radius) ?? within, fused.maskedRows(mask, x, origin)];
        }, 2e-6);
      }));
  });
});
