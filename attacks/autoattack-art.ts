/** AutoAttack as the Adversarial Robustness Toolbox puts it together (1.20): two runs of its own APGD, DeepFool and Square, all untargeted. It is not Croce and Hein's. */
import { z } from 'zod';
import { defineEnsemble } from './attack.ts';
import { ANDRIUSHCHENKO_2020, CROCE_2020, MOOSAVI_2016 } from './parts/papers.ts';

const params = z.strictObject({
  stepSize: z.number().positive().default(0.003).describe('first step of both APGDs, in units of the input: eps_step of the toolbox'),
});

export default defineEnsemble<z.infer<typeof params>>({
  name: 'autoattack-art',
  title: 'AutoAttack of ART',
  paper:
    'Adversarial Robustness Toolbox 1.20, after Croce and Hein 2020 (arXiv 2003.01690), Moosavi-Dezfooli et al. 2016 (arXiv 1511.04599) and Andriushchenko et al. 2020 (arXiv 1912.00049)',
  references: [CROCE_2020, MOOSAVI_2016, ANDRIUSHCHENKO_2020],
  version: 1,
  access: 'gradient',
  norms: ['Linf'],
  params,
  members: ({ stepSize }) => [
    { attack: 'apgd-ce-art', params: { iterations: 100, restarts: 5, stepSize } },
    { attack: 'apgd-dlr-art', params: { iterations: 100, restarts: 5, stepSize } },
    { attack: 'deepfool', params: { steps: 100, overshoot: 0.001, gradients: 10 } },
    { attack: 'square', params: { queries: 5000, p: 0.8, restarts: 5, rescale: true } },
  ],
});
