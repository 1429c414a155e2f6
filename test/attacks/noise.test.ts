import noise from '../../attacks/noise.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(noise, { draws: 5 }, { strong: false });
