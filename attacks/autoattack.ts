/** AutoAttack, Croce and Hein 2020 (arXiv 2003.01690), and 2021 (arXiv 2103.01208) for L1: the authors' three versions, member by member. */
import { z } from 'zod';
import { atNorm, type ByNorm, normsIn } from '../tensor/norms/index.ts';
import { defineEnsemble } from './attack.ts';
import { CROCE_2020 } from './parts/papers.ts';

const params = z.strictObject({
  version: z
    .enum(['standard', 'plus', 'rand'])
    .default('standard')
    .describe('standard; plus: untargeted members and five restarts too; rand: gradients averaged over 20 passes, for random classifiers'),
});
export type AutoAttackParams = z.infer<typeof params>;

interface Member {
  attack: string;
  params: Record<string, unknown>;
}

const apgd = (attack: string, params: Record<string, unknown>): Member => ({
  attack,
  params: { iterations: 100, rho: 0.75, ...params },
});
const fabT: Member = { attack: 'fab-t', params: { iterations: 100, restarts: 1, targets: 9 } };
const square: Member = { attack: 'square', params: { queries: 5000, p: 0.8, restarts: 1 } };

const dense: readonly Member[] = [
  apgd('apgd-ce', { restarts: 1, largerEps: false }),
  apgd('apgd-t', { restarts: 1, targets: 9, largerEps: false }),
  fabT,
  square,
];

const sparse: readonly Member[] = [
  apgd('apgd-ce', { restarts: 5, largerEps: true }),
  apgd('apgd-t', { restarts: 1, targets: 5, largerEps: true }),
  fabT,
  square,
];

const STANDARD = { Linf: dense, L2: dense, L1: sparse } satisfies ByNorm<readonly Member[]>;

const plus: readonly Member[] = [
  apgd('apgd-ce', { restarts: 5, largerEps: false }),
  apgd('apgd-dlr', { restarts: 5, largerEps: false }),
  { attack: 'fab', params: { iterations: 100, restarts: 5 } },
  square,
  apgd('apgd-t', { restarts: 1, targets: 9, largerEps: false }),
  fabT,
];

const rand: readonly Member[] = [
  apgd('apgd-ce', { restarts: 1, eotIterations: 20, largerEps: false }),
  apgd('apgd-dlr', { restarts: 1, eotIterations: 20, largerEps: false }),
];

export default defineEnsemble<AutoAttackParams>({
  name: 'autoattack',
  title: 'AutoAttack',
  paper: 'Croce and Hein 2020 (arXiv 2003.01690)',
  references: [CROCE_2020],
  version: 1,
  access: 'gradient',
  norms: normsIn(STANDARD),
  params,
  members({ version }, { norm }) {
    const all = version === 'standard' ? atNorm(STANDARD, norm, 'attack autoattack') : version === 'plus' ? plus : rand;
    return [...all];
  },
});
