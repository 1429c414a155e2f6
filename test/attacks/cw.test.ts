import cw from '../../attacks/cw.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(cw, { steps: 8, restarts: 2 });
