import rays from '../../attacks/rays.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(rays, { queries: 200 });
