import apgdCe from '../../../../attacks/apgd-ce.ts';
import apgdDlr from '../../../../attacks/apgd-dlr.ts';
import apgdT from '../../../../attacks/apgd-t.ts';
import { testAttack } from '../../../contract/attack.ts';

testAttack(apgdCe, { iterations: 8 });
testAttack(apgdDlr, { iterations: 8, restarts: 2 }, { fewestClasses: 3 });
testAttack(apgdT, { iterations: 6, targets: 2, restarts: 2 }, { fewestClasses: 4 });
