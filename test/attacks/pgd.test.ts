import pgd from '../../attacks/pgd.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(pgd, { steps: 8, restarts: 2 });
