import square from '../../attacks/square.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(square, { queries: 60, restarts: 2 });
