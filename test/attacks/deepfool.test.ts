import deepfool from '../../attacks/deepfool.ts';
import { testAttack } from '../contract/attack.ts';

// it goes straight to the nearest boundary in L2, and what of that is in a ball of another norm is often nothing
testAttack(deepfool, { steps: 6 }, { strong: false, endsAnywhere: true });
testAttack(deepfool, { steps: 6, gradients: 3 }, { strong: false, endsAnywhere: true });
