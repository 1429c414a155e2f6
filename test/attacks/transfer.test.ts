import transfer from '../../attacks/transfer.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(transfer, { sources: ['source'], steps: 8, restarts: 2, diversity: 0.5 });
