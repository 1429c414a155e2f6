/** Adversarial weight perturbation, Wu et al. 2020 (arXiv 2004.05884), eq. 8 to 10, on top of another training defense. */
import { z } from 'zod';
import { NORMS } from '../tensor/norms/index.ts';
import { tf } from '../tensor/tf.ts';
import { defineDefense, type Training, type TrainingDefense } from './defense.ts';

/** `base` with its weights moved to where its loss is higher while the gradients are taken. */
function perturbed(base: Training, gamma: number, warmup: number): Training {
  const moves = new Map<tf.Variable, tf.Tensor>();
  return {
    ...base,
    beforeGradients(batch, crafted, ctx) {
      base.beforeGradients?.(batch, crafted, ctx);
      if (ctx.progress < warmup) return;
      const { network } = ctx;
      // convolutions and linear layers; the authors leave out what has one axis
      const weights = [...network.params.values()].filter((w) => w.rank > 1);
      // the authors take this gradient on a copy: the batch statistics that it moves are put back
      const buffers = [...network.buffers.values()].map((b) => [b, b.clone()] as const);
      const { value, grads } = tf.variableGrads(() => base.objective(batch, crafted, ctx).loss, weights);
      for (const [buffer, before] of buffers) buffer.assign(before);
      for (const w of weights) {
        const grad = grads[w.name] as tf.Tensor;
        const move = tf.tidy(() => grad.mul(w.norm().div(tf.maximum(grad.norm(), 1e-20)).mul(gamma)));
        moves.set(w, move);
        tf.tidy(() => w.assign(w.add(move)));
      }
      tf.dispose([value, ...Object.values(grads), ...buffers.map(([, before]) => before)]);
    },
    afterStep(batch, gradients, ctx) {
      for (const [w, move] of moves) tf.tidy(() => w.assign(w.sub(move)));
      tf.dispose([...moves.values()]);
      moves.clear();
      base.afterStep?.(batch, gradients, ctx);
    },
  };
}

/** AWP over the training defenses that it can be put on. */
export function awp(bases: readonly TrainingDefense[]) {
  const params = z
    .strictObject({
      base: z.enum(bases.map((b) => b.name) as [string, ...string[]]).default('pgd-at'),
      params: z.record(z.string(), z.unknown()).default({}).describe('Parameters of the base'),
      gamma: z.number().min(0).default(0.01).describe("Size of the perturbation relative to the norm of each layer's weights"),
      warmup: z.number().min(0).max(1).default(0).describe('Fraction of the training before the weights are perturbed'),
    })
    .superRefine((p, check) => {
      const { error } = baseOf(p.base).params.safeParse(p.params);
      for (const issue of error?.issues ?? []) check.addIssue({ code: 'custom', message: issue.message, path: ['params', ...issue.path] });
    });
  const baseOf = (name: string) => bases.find((b) => b.name === name) as TrainingDefense;
  const norms = NORMS.filter((norm) => bases.some((base) => base.norms?.includes(norm)));
  return defineDefense<z.infer<typeof params>>({
    name: 'awp',
    title: 'Adversarial weight perturbation',
    paper: 'Wu et al. 2020 (arXiv 2004.05884)',
    references: [
      {
        key: 'wu2020adversarial',
        author: 'Wu, Dongxian and Xia, Shu-Tao and Wang, Yisen',
        title: 'Adversarial Weight Perturbation Helps Robust Generalization',
        venue: 'Advances in Neural Information Processing Systems',
        year: 2020,
        arxiv: '2004.05884',
      },
    ],
    version: 1,
    kind: 'training',
    norms,
    normsWith: ({ base }) => norms.filter((norm) => baseOf(base).norms?.includes(norm) ?? true),
    params,
    cost(p) {
      const base = baseOf(p.base);
      const { forward, backward, update = 1 } = base.cost(base.params.parse(p.params));
      return { forward: forward + update, backward: backward + update, update: 2 * update };
    },
    create(p, setup) {
      const base = baseOf(p.base);
      return perturbed(base.create(base.params.parse(p.params), setup), p.gamma, p.warmup);
    },
  });
}
