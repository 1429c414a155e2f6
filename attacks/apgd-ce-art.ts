/** APGD on the cross-entropy as the Adversarial Robustness Toolbox has it: Croce and Hein 2020 (arXiv 2003.01690), with that library's departures. */
import { defineAttack } from './attack.ts';
import { type ArtApgdParams, artApgd, artApgdCost, artApgdParams } from './parts/apgd/art.ts';
import { crossEntropy } from './parts/losses.ts';
import { CROCE_2020 } from './parts/papers.ts';

export default defineAttack<ArtApgdParams>({
  name: 'apgd-ce-art',
  title: 'APGD-CE of ART',
  paper: 'Croce and Hein 2020 (arXiv 2003.01690), as in the Adversarial Robustness Toolbox',
  references: [CROCE_2020],
  version: 1,
  access: 'gradient',
  saturates: () => ['cross-entropy'],
  norms: ['Linf'],
  params: artApgdParams,
  cost: artApgdCost,
  create: (p) => ({
    async perturb(batch, target, threat, run) {
      if (target.classes < 2) return batch.x.clone(); // there is no wrong class
      return artApgd(batch, target, threat, run, { ...p, loss: crossEntropy });
    },
  }),
});
