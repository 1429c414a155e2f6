/** MOREL, Hotegni and Peitz 2024 (arXiv 2410.01697), as the authors' code computes it: a conic scalarisation of accuracy and of feature robustness. */
import { z } from 'zod';
import type { Network } from '../models/network.ts';
import type { tf } from '../tensor/tf.ts';
import { defineDefense, type Training, type TrainingDefense } from './defense.ts';
import { cosineLoss, EmbeddingHead, multiPositiveContrastive, sameLabel } from './parts/embedding.ts';

const weight = z.number().min(0);

const params = z.strictObject({
  base: z.enum(['trades', 'mart', 'loat']).default('trades').describe('The loss for accuracy, and the attack in training'),
  params: z.record(z.string(), z.unknown()).optional().describe('Further parameters of the base'),
  beta: weight.default(6),
  steps: z.number().int().min(1).default(10),
  eps: z.number().positive().optional().describe('Radius; that of the threat model when absent'),
  step: z.number().positive().optional().describe('Step size; 0.007 / 0.031 of the radius when absent'),
  k: z.tuple([weight, weight]).default([0.1, 0.9]).describe('Preference for feature robustness and for accuracy'),
  reference: z.tuple([z.number(), z.number()]).default([0, 0]).describe('Reference point of the two objectives'),
  gamma: weight.default(2e-5).describe('Augmentation of the cone'),
  alpha: weight.default(1e-5).describe('Weight of the contrastive loss within feature robustness'),
  temperature: z.number().positive().default(0.1),
  embedding: z.number().int().min(2).default(128),
  heads: z.number().int().min(1).default(2),
});
type Params = z.infer<typeof params>;

/** Width of what the last linear layer takes. */
export function featureWidth({ graph }: Network): number {
  const last = graph.nodes[graph.output];
  return last?.op === 'linear' ? last.inC : 0;
}

/** `base` with the embedding terms of `head` on top. */
export function createMorel(p: Params, base: Training, head: EmbeddingHead): Training {
  return {
    ...base,
    extra: head.params,
    objective(batch, crafted, ctx) {
      const accuracy = base.objective(batch, crafted, ctx);
      const natural = head.project(ctx.forward(batch.x).features);
      const adversarial = head.project(ctx.forward(crafted.adversarial as tf.Tensor4D).features);
      const sameClass = sameLabel(batch.y);
      const cosine = cosineLoss(natural, adversarial);
      const contrastive = multiPositiveContrastive(head.attend(natural, sameClass), sameClass, p.temperature);
      const robustness = cosine.add(contrastive.mul(p.alpha)) as tf.Scalar;
      const f = robustness.sub(p.reference[0]);
      const a = accuracy.loss.sub(p.reference[1]);
      const loss = f.mul(p.k[0]).add(a.mul(p.k[1])).add(f.add(a).mul(p.gamma)) as tf.Scalar;
      return { loss, logits: accuracy.logits, terms: { ...accuracy.terms, accuracy: accuracy.loss, robustness, cosine, contrastive } };
    },
  };
}

/** MOREL over the defenses that can be its base. */
export function morel(bases: Record<Params['base'], TrainingDefense>) {
  const baseParams = ({ beta, steps, eps, step, params }: Params) => ({ ...params, beta, steps, eps, step });
  const checked = params
    .refine((p) => p.embedding % p.heads === 0, 'expected `embedding` to be a multiple of `heads`')
    .superRefine((p, check) => {
      const own = Object.keys(p.params ?? {}).filter((key) => ['beta', 'steps', 'eps', 'step'].includes(key));
      for (const key of own) check.addIssue({ code: 'custom', message: `\`${key}\` stands beside \`params\``, path: ['params', key] });
      const { error } = bases[p.base].params.safeParse(baseParams(p));
      for (const { message, path } of error?.issues ?? []) check.addIssue({ code: 'custom', message, path: ['params', ...path] });
    });
  const parsed = (p: Params) => bases[p.base].params.parse(baseParams(p));
  return defineDefense<Params>({
    name: 'morel',
    title: 'MOREL',
    paper: 'Hotegni and Peitz 2024 (arXiv 2410.01697)',
    references: [
      {
        key: 'hotegni2024morel',
        author: 'Hotegni, Sedjro Salomon and Peitz, Sebastian',
        title: 'MOREL: Enhancing Adversarial Robustness through Multi-Objective Representation Learning',
        year: 2024,
        arxiv: '2410.01697',
      },
    ],
    version: 1,
    kind: 'training',
    norms: ['Linf'],
    params: checked,
    // the features come out of passes that the base makes
    cost: (p) => bases[p.base].cost(parsed(p)),
    create(p, setup) {
      const head = new EmbeddingHead(featureWidth(setup.network), p.embedding, p.heads, setup.rng.fork('head'));
      return createMorel(p, bases[p.base].create(parsed(p), setup), head);
    },
  });
}
