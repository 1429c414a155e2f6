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
  /** Fewest classes for which its loss is defined. */
  classes: number;
}

const apgd = (attack: string, classes: number, params: Record<string, unknown>): Member => ({
  attack,
  classes,
  params: { iterations: 100, rho: 0.75, ...params },
});
const fabT: Member = { attack: 'fab-t', classes: 2, params: { iterations: 100, restarts: 1, targets: 9 } };
const square: Member = { attack: 'square', classes: 2, params: { queries: 5000, p: 0.8, restarts: 1 } };

const dense: readonly Member[] = [
  apgd('apgd-ce', 2, { restarts: 1, largerEps: false }),
  apgd('apgd-t', 4, { restarts: 1, targets: 9, largerEps: false }),
  fabT,
  square,
];

const sparse: readonly Member[] = [
  apgd('apgd-ce', 2, { restarts: 5, largerEps: true }),
  apgd('apgd-t', 4, { restarts: 1, targets: 5, largerEps: true }),
  fabT,
  square,
];

const STANDARD = { Linf: dense, L2: dense, L1: sparse } satisfies ByNorm<readonly Member[]>;

const plus: readonly Member[] = [
  apgd('apgd-ce', 2, { restarts: 5, largerEps: false }),
  apgd('apgd-dlr', 3, { restarts: 5, largerEps: false }),
  { attack: 'fab', classes: 2, params: { iterations: 100, restarts: 5 } },
  square,
  apgd('apgd-t', 4, { restarts: 1, targets: 9, largerEps: false }),
  fabT,
];

const rand: readonly Member[] = [
  apgd('apgd-ce', 2, { restarts: 1, eotIterations: 20, largerEps: false }),
  apgd('apgd-dlr', 3, { restarts: 1, eotIterations: 20, largerEps: false }),
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
  // where classes are too few for a member's loss, the authors' code warns and then fails; here the others run and the record is flagged
  members({ version }, { norm }, classes) {
    const all = version === 'standard' ? atNorm(STANDARD, norm, 'attack autoattack') : version === 'plus' ? plus : rand;
    return all.filter((m) => classes >= m.classes).map((m) => ({ attack: m.attack, params: m.params }));
  },
});
