/** AutoAttack's answer for a fraction of its passes: `docs/lean.md` has the rule of each version, why, and where it was held to AutoAttack. */
import { z } from 'zod';
import type { NormName } from '../tensor/norms/index.ts';
import { defineEnsemble, type EnsembleMember } from './attack.ts';
import { CROCE_2020, MELAMED_2024, XIE_2024 } from './parts/papers.ts';

const params = z.strictObject({});

const NORMS: readonly NormName[] = ['Linf', 'L2'];

const malt = { iterations: 100, targets: 9, candidates: 9 };

/** The rule, version 3. */
const MEMBERS: readonly EnsembleMember[] = [
  { attack: 'apgd-pm', params: { iterations: 100, untilCertain: true } },
  { attack: 'apgd-malt', params: { ...malt, untilCertain: true } },
  // where chance decides, other starts
  { attack: 'apgd-dlr', params: { iterations: 100, restarts: 10 }, when: 'nearest' },
  { attack: 'apgd-malt', params: { ...malt, restarts: 3 }, when: 'nearest' },
  // a look whether gradients mislead
  { attack: 'square', params: { queries: 150, p: 0.8, restarts: 1 } },
  { attack: 'square', params: { queries: 5000, p: 0.8, restarts: 1 }, when: 'nearest' },
  { attack: 'square', params: { queries: 5000, p: 0.8, restarts: 1 }, when: 'masking' },
];

export default defineEnsemble<z.infer<typeof params>>({
  name: 'autoattack-lean',
  title: 'AutoAttack, lean',
  paper:
    'after Croce and Hein 2020 (arXiv 2003.01690), Melamed, Yehudai and Shamir 2024 (arXiv 2407.02240) and Xie et al. 2024 (arXiv 2411.15210)',
  references: [CROCE_2020, MELAMED_2024, XIE_2024],
  version: 3,
  access: 'gradient',
  norms: NORMS,
  params,
  members: () => [...MEMBERS],
});
