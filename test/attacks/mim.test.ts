import mim from '../../attacks/mim.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(mim, { steps: 8, restarts: 2 });
