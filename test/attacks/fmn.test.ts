import fmn from '../../attacks/fmn.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(fmn, { steps: 40 });
