import fab from '../../../../attacks/fab.ts';
import fabT from '../../../../attacks/fab-t.ts';
import { testAttack } from '../../../contract/attack.ts';

testAttack(fab, { iterations: 6, restarts: 2 });
testAttack(fabT, { iterations: 6 });
