/** The engine of the attack tests: torch where it is built, else the one that is everywhere; `RAMPART_TEST_ENGINE` names another. */
import { engine } from '../../engines/index.ts';
import { torch } from '../../engines/torch/index.ts';
import { testDevice } from '../torch/device.ts';

const chosen = engine(process.env.RAMPART_TEST_ENGINE ?? ((await torch.probe()).usable ? 'torch' : 'wasm'));

/** Whether the tests run on torch, and so can afford more. */
export const native = chosen.name === 'torch';

export async function startEngine(): Promise<void> {
  await chosen.init({ threads: 1, device: native ? testDevice : 'cpu' });
}
