/** Any GPU with Vulkan, Metal or D3D12, through the optional packages `webgpu` (Dawn) and `@tensorflow/tfjs-backend-webgpu`. */
import { setTimeout as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { RampartError } from '../errors.ts';
import { tf } from '../tensor/tf.ts';
import type { Availability, Engine } from './engine.ts';
import { findPackage, requirePackage } from './optional.ts';

const PACKAGES = ['webgpu', '@tensorflow/tfjs-backend-webgpu'] as const;
const INSTALL = 'npm install --no-save webgpu @tensorflow/tfjs-backend-webgpu@4.22.0';
const DEVICE = 'gpu:0';

interface Dawn {
  create(flags: string[]): { requestAdapter(options: object): Promise<{ info?: { description?: string } } | null> };
  globals: Record<string, unknown>;
}

interface GpuBuffer {
  readonly size: number;
  readonly mapState: 'unmapped' | 'pending' | 'mapped';
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
}

/** What is used of `@tensorflow/tfjs-backend-webgpu`'s backend. */
interface GpuBackend {
  readonly tensorMap: { get(dataId: object): { values: tf.BackendValues | null; dtype: tf.DataType; resource: GpuBuffer } };
  readonly bufferManager: { acquireBuffer(size: number, usage: number): GpuBuffer; releaseBuffer(buffer: GpuBuffer): void };
  commandEncoder: { copyBufferToBuffer(from: GpuBuffer, at: number, to: GpuBuffer, toAt: number, bytes: number): void };
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  readSync(dataId: object): tf.BackendValues;
  read(dataId: object): Promise<tf.BackendValues>;
}

/** Values of WebGPU's `GPUMapMode` and `GPUBufferUsage`. */
const READ = 1;
const STAGING = 1 | 8; // MAP_READ and COPY_DST

/**
 * Maps a buffer before it returns. Dawn asks for its turn of the event loop through `setImmediate`; here that turn is taken at once.
 * It asks only from outside of its own callbacks, so nothing may wait for Dawn's promises once this is in use.
 */
function mapNow(buffer: GpuBuffer): void {
  const later = globalThis.setImmediate;
  const turns: (() => void)[] = [];
  globalThis.setImmediate = ((run: () => void) => turns.push(run)) as unknown as typeof setImmediate;
  try {
    let failure: unknown;
    buffer.mapAsync(READ).catch((error: unknown) => {
      failure = error;
    });
    while (buffer.mapState !== 'mapped') {
      const next = turns.shift();
      if (!next) throw new RampartError('[engine webgpu] the GPU does not hand back its results', { cause: failure });
      next();
    }
  } finally {
    globalThis.setImmediate = later;
    for (const run of turns) later(run);
  }
}

/** TensorFlow.js reads at once through a canvas, which Node has not: reading through a mapped buffer instead, for both kinds of read. */
function installReads(gpu: GpuBackend): void {
  gpu.readSync = (dataId) => {
    const data = gpu.tensorMap.get(dataId);
    if (data.values !== null && data.values !== undefined) return data.values;
    const staging = gpu.bufferManager.acquireBuffer(data.resource.size, STAGING);
    gpu.ensureCommandEncoderReady();
    gpu.endComputePassEncoder();
    gpu.commandEncoder.copyBufferToBuffer(data.resource, 0, staging, 0, data.resource.size);
    gpu.submitQueue();
    mapNow(staging);
    const bytes = staging.getMappedRange().slice(0);
    staging.unmap();
    gpu.bufferManager.releaseBuffer(staging);
    data.values = tf.util.convertBackendValuesAndArrayBuffer(bytes, data.dtype);
    return data.values;
  };
  gpu.read = async (dataId) => gpu.readSync(dataId);
}

export const webgpu: Engine = {
  name: 'webgpu',
  title: 'WebGPU through Dawn',
  rank: 20,
  async probe(): Promise<Availability> {
    const missing = PACKAGES.filter((name) => findPackage(name) === undefined);
    if (missing.length > 0) return { usable: false, detail: `${missing.join(' and ')} not installed`, remedy: INSTALL };
    return { usable: true, detail: 'both packages are installed; whether a GPU answers shows when it starts' };
  },
  async init({ threads, device }) {
    if (device !== DEVICE) throw new RampartError(`[engine webgpu] no device "${device}"; it has ${DEVICE}`);
    const dawn = (await import(pathToFileURL(findPackage('webgpu') ?? 'webgpu').href)) as Dawn;
    Object.assign(globalThis, dawn.globals);
    const gpu = dawn.create([]);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) throw new RampartError('[engine webgpu] no GPU answers', { remedy: 'install the driver of the GPU, with Vulkan' });
    // TensorFlow.js looks for it where browsers have it
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true, writable: true });
    requirePackage('@tensorflow/tfjs-backend-webgpu');
    if (!tf.engine().registryFactory.webgpu)
      throw new RampartError(`[engine webgpu] its backend brought a TensorFlow.js of its own; the version must be ${tf.version_core}`, {
        remedy: INSTALL,
      });
    if (!(await tf.setBackend('webgpu'))) throw new RampartError('[engine webgpu] the GPU did not start');
    installReads(tf.backend() as unknown as GpuBackend);
    await turn(1); // leaves the callback of Dawn that answered last
    const adapterName = adapter.info?.description ?? 'unknown';
    const warnings = /swiftshader|llvmpipe/i.test(adapterName) ? [`${adapterName} is a CPU that plays a GPU: slow`] : [];
    return {
      name: 'webgpu',
      version: tf.version_core,
      device,
      threads,
      deviceName: adapterName,
      details: { adapter: adapterName },
      warnings,
    };
  },
  async devices() {
    return [DEVICE];
  },
};
