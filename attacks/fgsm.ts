/** FGSM, Goodfellow et al. 2015 (arXiv 1412.6572): one step of full size. */
import { z } from 'zod';
import { GRADIENT_NORMS } from '../tensor/norms/index.ts';
import { defineAttack } from './attack.ts';
import { crossEntropy } from './parts/losses.ts';
import { decides } from './parts/search/decides.ts';
import { search } from './parts/search/search.ts';
import { steepest } from './parts/step.ts';

const params = z.strictObject({ decides });

export default defineAttack<z.infer<typeof params>>({
  name: 'fgsm',
  title: 'FGSM',
  paper: 'Goodfellow, Shlens and Szegedy 2015 (arXiv 1412.6572)',
  references: [
    {
      key: 'goodfellow2015explaining',
      author: 'Goodfellow, Ian J. and Shlens, Jonathon and Szegedy, Christian',
      title: 'Explaining and Harnessing Adversarial Examples',
      venue: 'International Conference on Learning Representations',
      year: 2015,
      arxiv: '1412.6572',
    },
  ],
  version: 1,
  access: 'gradient',
  saturates: () => ['cross-entropy'],
  norms: GRADIENT_NORMS,
  params,
  streams: true,
  lastPoint: true,
  cost: () => ({ forward: 2, backward: 1 }),
  create: (p) => ({
    perturb: (batch, target, threat, run) =>
      search(batch, target, run, {
        attempts: 1,
        steps: 1,
        ...p,
        start: (x) => x.clone(),
        step: steepest(threat, threat.eps),
        loss: (_, y) => crossEntropy(y),
      }),
  }),
});
