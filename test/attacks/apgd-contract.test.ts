import apgdCe from '../../attacks/apgd-ce.ts';
import apgdDlr from '../../attacks/apgd-dlr.ts';
import apgdT from '../../attacks/apgd-t.ts';
import { testAttack } from '../contract/attack.ts';

testAttack(apgdCe, { iterations: 12 });
testAttack(apgdDlr, { iterations: 12, restarts: 2 }, { fewestClasses: 3 });
testAttack(apgdT, { iterations: 12 }, { fewestClasses: 4 });
