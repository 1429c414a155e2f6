import multiTargeted from '../../attacks/multi-targeted.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(multiTargeted, { steps: 6 });
