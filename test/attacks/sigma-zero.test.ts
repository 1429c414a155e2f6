import sigmaZero from '../../attacks/sigma-zero.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(sigmaZero, { steps: 40 });
