import hopskipjump from '../../attacks/hopskipjump.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(hopskipjump, { queries: 200, probes: 20 });
