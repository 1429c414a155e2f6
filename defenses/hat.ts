/**
 * Helper-based adversarial training, Rade and Moosavi-Dezfooli 2022 (ICLR), eq. 4, as the authors' code computes it: TRADES plus a
 * cross-entropy on points beyond the budget, labelled by an undefended model. Chosen over OA-AT: one loss on the common recipe, and
 * RobustBench lists it on three sizes of network, two norms and two data sets, where OA-AT's figures rest on its own schedule of radii.
 */
import { z } from 'zod';
import { RampartError } from '../errors.ts';
import { klDivergence, softmaxCrossEntropy } from '../tensor/fused.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense, type TrainingDefense } from './defense.ts';

const params = z.strictObject({
  beta: z.number().min(0).default(2.5),
  gamma: z.number().min(0).default(0.5).describe("Weight of the helper's term"),
  h: z.number().min(1).default(2).describe("How far beyond the natural image the helper's point is, in perturbations"),
  steps: z.number().int().min(1).default(10),
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
  step: z.number().positive().optional().describe('Step size; a quarter of the radius when absent (2/255 at 8/255)'),
});

/** HAT; its training attack is that of `trades`. */
export function hat(trades: TrainingDefense) {
  return defineDefense<z.infer<typeof params>>({
    name: 'hat',
    title: 'Helper-based adversarial training (HAT)',
    paper: 'Rade and Moosavi-Dezfooli 2022 (ICLR)',
    references: [
      {
        key: 'rade2022reducing',
        author: 'Rade, Rahul and Moosavi-Dezfooli, Seyed-Mohsen',
        title: 'Reducing Excessive Margin to Achieve a Better Accuracy vs. Robustness Trade-off',
        venue: 'International Conference on Learning Representations',
        year: 2022,
      },
    ],
    version: 1,
    kind: 'training',
    norms: trades.norms,
    helper: 'standard',
    params,
    cost: ({ steps }) => ({ forward: steps + 6, backward: steps + 4, update: 3 }),
    create({ beta, gamma, h, steps, ...p }, setup) {
      const { helper, threat } = setup;
      if (!helper) throw new RampartError('[defense hat] expected a trained helper, got none');
      const eps = p.eps ?? threat.eps;
      const base = trades.create({ beta, steps, eps, step: p.step ?? eps / 4 }, setup);
      return {
        async craft(batch, ctx) {
          const { adversarial } = (await base.craft(batch, ctx)) as { adversarial: tf.Tensor4D };
          const beyond = tf.tidy(() => batch.x.add(adversarial.sub(batch.x).mul(h)));
          const label = tf.tidy(() => helper.logits(adversarial).argMax(1));
          return { adversarial, beyond, label };
        },
        objective({ x, y }, { adversarial, beyond, label }, ctx) {
          const forward = (input: tf.Tensor) => ctx.forward(input as tf.Tensor4D).logits;
          const clean = forward(x);
          const logits = forward(adversarial as tf.Tensor);
          const helped = forward(beyond as tf.Tensor);
          const natural = ctx.crossEntropy(clean, y);
          const robust = klDivergence(clean, logits).mean() as tf.Scalar;
          const help = softmaxCrossEntropy(helped, label as tf.Tensor1D).mean() as tf.Scalar;
          const loss = natural.add(robust.mul(beta)).add(help.mul(gamma)) as tf.Scalar;
          return { loss, logits, terms: { natural, robust, help } };
        },
      };
    },
  });
}
