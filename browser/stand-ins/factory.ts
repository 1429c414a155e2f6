/** The wasm backend's loader, given its binary rather than an address: nothing is fetched. */
import * as loader from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js';
import { backendBinary } from './inlined.ts';

type Load = (config: object) => Promise<unknown>;

const own = loader as unknown as Load & { default?: Load };

export default async function load(config: object): Promise<unknown> {
  return (own.default ?? own)({ ...config, wasmBinary: await backendBinary() });
}
