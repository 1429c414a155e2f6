import fgsm from '../../attacks/fgsm.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(fgsm, {});
