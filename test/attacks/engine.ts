/** The engine of the attack tests: the one that is built everywhere. */
import { wasm } from '../../engines/wasm/index.ts';

export async function startEngine(): Promise<void> {
  await wasm.init({ threads: 1, device: 'cpu' });
}
