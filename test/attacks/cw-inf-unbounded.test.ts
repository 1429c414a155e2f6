import cwInfUnbounded from '../../attacks/cw-inf-unbounded.ts';
import { testAttack } from '../contract/attack.ts';

// a few short steps reach some errors, and no radius lets it take longer ones
testAttack(cwInfUnbounded, { steps: 4, learningRate: 0.003 }, { strong: false });
