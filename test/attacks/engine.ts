/** The engine of the attack tests: torch where it is built, else the one that is everywhere. */
import { torch } from '../../engines/torch/index.ts';
import { wasm } from '../../engines/wasm/index.ts';
import { testDevice } from '../torch/device.ts';

/** Whether the tests run on torch, and so can afford more. */
export const native = (await torch.probe()).usable;

export async function startEngine(): Promise<void> {
  await (native ? torch.init({ threads: 1, device: testDevice }) : wasm.init({ threads: 1, device: 'cpu' }));
}
