/** AutoAttack, Croce and Hein 2020 (arXiv 2003.01690), and 2021 (arXiv 2103.01208) for L1: the authors' three versions, member by member. */
import { z } from 'zod';
import { defineEnsemble } from './attack.ts';

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

function standard(l1: boolean): Member[] {
  return [
    apgd('apgd-ce', 2, { restarts: l1 ? 5 : 1, largerEps: l1 }),
    apgd('apgd-t', 4, { restarts: 1, targets: l1 ? 5 : 9, largerEps: l1 }),
    fabT,
    square,
  ];
}

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
  version: 1,
  access: 'gradient',
  norms: ['Linf', 'L2', 'L1'],
  params,
  // where classes are too few for a member's loss, the authors' code warns and then fails; here the others run and the record is flagged
  members({ version }, { norm }, classes) {
    const all = version === 'standard' ? standard(norm === 'L1') : version === 'plus' ? plus : rand;
    return all.filter((m) => classes >= m.classes).map((m) => ({ attack: m.attack, params: m.params }));
  },
});
