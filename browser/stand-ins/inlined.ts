/** What the bundle holds as text: `browser/bundle.ts` puts it in. */

/** The SIMD binary of TensorFlow.js's wasm backend, deflated, in base64. */
declare const RAMPART_BACKEND: string;
/** Our kernels, in base64. */
declare const RAMPART_KERNELS: string;

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** The backend's binary, inflated. */
export async function backendBinary(): Promise<ArrayBuffer> {
  const stream = new Blob([bytesOf(RAMPART_BACKEND)]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Response(stream).arrayBuffer();
}

/** The stand-in for `engines/wasm/binary.ts`. */
export const BUILD_COMMAND = '';
export const kernelsBuilt = () => true;
export const kernelsBinary = (): Uint8Array => bytesOf(RAMPART_KERNELS);
