/** Which engine runs: the one asked for, or the fastest that works here and computes a small convolution right. */
import { RampartError, unknownName } from '../errors.ts';
import type { Precision } from '../tensor/precision.ts';
import { tf } from '../tensor/tf.ts';
import type { Availability, Engine, EngineInfo, EngineOptions } from './engine.ts';
import { engines } from './index.ts';

export interface Request {
  readonly threads: number;
  readonly precision?: Precision;
  readonly beside?: number;
}

export interface Choice {
  readonly engine: Engine;
  readonly info: EngineInfo;
  /** One sentence for the terminal. */
  readonly why: string;
}

/**
 * Starts an engine in this process. `request` is `auto`, a name, or a name and a device: `torch:cuda:0`.
 * `auto` takes the first by rank that is usable, computes in the precision asked for and passes the self-check, and `why` says what the
 * faster ones lack. Throws RampartError when the name is unknown, or the engine asked for is not usable or has not that precision, with what mends it.
 */
export async function chooseEngine(
  request: string,
  { among = engines, ...options }: Request & { among?: readonly Engine[] },
): Promise<Choice> {
  if (request === 'auto') return fastest(among, options);
  const { name, device } = parseRequest(request);
  const engine = among.find((e) => e.name === name);
  if (!engine) throw unknownName('engine', name, ['auto', ...among.map((e) => e.name)]);
  const available = await engine.probe();
  if (!available.usable) throw notUsable(engine, available);
  const known = await engine.devices();
  if (device !== undefined && device !== 'cpu' && !known.includes(device)) {
    throw new RampartError(`[engine ${name}] no device "${device}" here; it has ${known.join(', ') || 'none'}`);
  }
  const info = await init(engine, { ...options, device: device ?? known[0] ?? 'cpu' });
  return { engine, info, why: `${name} on ${info.device}, as asked` };
}

/** `torch:cuda:0` is the engine `torch` on the device `cuda:0`. */
export function parseRequest(request: string): { name: string; device: string | undefined } {
  const colon = request.indexOf(':');
  if (colon < 0) return { name: request, device: undefined };
  return { name: request.slice(0, colon), device: request.slice(colon + 1) };
}

/** Throws where the engine has not that precision on that device. */
async function init(engine: Engine, options: EngineOptions): Promise<EngineInfo> {
  const { device, precision = 'fp32' } = options;
  const possible = engine.precisions?.(device) ?? ['fp32'];
  if (possible.includes(precision)) return engine.init(options);
  throw new RampartError(`[engine ${engine.name}] has no precision ${precision} on ${device}; it has ${possible.join(', ')}`, {
    remedy: precision === 'tf32' ? 'tf32 is of NVIDIA GPUs: use --engine torch:cuda:0' : 'use --engine torch',
  });
}

async function fastest(among: readonly Engine[], request: Request): Promise<Choice> {
  const passed: string[] = [];
  for (const engine of [...among].sort((a, b) => b.rank - a.rank)) {
    const problem = await start(engine, request);
    if (!('reason' in problem)) {
      const lacking = passed.length === 0 ? '' : ` (${passed.join('; ')})`;
      return { engine, info: problem, why: `${engine.name} on ${problem.device}: the fastest that works here${lacking}` };
    }
    passed.push(`${engine.name}: ${problem.reason}`);
  }
  throw new RampartError(`no engine works here: ${passed.join('; ')}`);
}

/** Starts and checks one engine for `auto`; a reason in words where that fails. */
async function start(engine: Engine, request: Request): Promise<EngineInfo | { reason: string }> {
  try {
    const available = await engine.probe();
    if (!available.usable) return { reason: describe(available) };
    const info = await init(engine, { ...request, device: (await engine.devices())[0] ?? 'cpu' });
    const wrong = await selfCheck();
    return wrong === undefined ? info : { reason: `failed its self-check: ${wrong}` };
  } catch (error) {
    return { reason: `did not start: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function describe({ detail, remedy }: Availability): string {
  return remedy === undefined ? detail : `${detail}, try \`${remedy}\``;
}

function notUsable(engine: Engine, { detail, remedy }: Availability): RampartError {
  return new RampartError(
    `[engine ${engine.name}] not usable here: ${detail}`,
    remedy === undefined ? {} : { remedy: `try \`${remedy}\`` },
  );
}

/**
 * The image 0..8 under the filter [[1,2],[3,4]] is [[27,37],[57,67]]; with that filter as the gradient of the output, worked by hand,
 * the gradient of the image is the filter convolved with itself, and that of the filter is the same four numbers again.
 */
const IMAGE = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const FILTER = [1, 2, 3, 4];
const EXPECTED = { forward: [27, 37, 57, 67], 'input gradient': [1, 4, 4, 6, 20, 16, 9, 24, 16], 'filter gradient': [27, 37, 57, 67] };

/** A small convolution and its gradients on the current engine: undefined when right, else what came out. */
export async function selfCheck(): Promise<string | undefined> {
  const image = tf.tensor4d(IMAGE, [1, 3, 3, 1]);
  const filter = tf.tensor4d(FILTER, [2, 2, 1, 1]);
  const dy = tf.tensor4d(FILTER, [1, 2, 2, 1]);
  const convolve = (x: tf.Tensor, f: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 0, 'NHWC', 1, 'floor');
  const results = tf.tidy(() => [convolve(image, filter), ...tf.grads(convolve)([image, filter], dy)]);
  try {
    for (const [i, [what, want]] of Object.entries(EXPECTED).entries()) {
      // both ways of reading: attacks read at once, training waits
      const result = results[i] as tf.Tensor;
      const got = [...(await result.data())];
      const now = [...result.dataSync()];
      if (want.some((v, j) => v !== got[j] || v !== now[j]))
        return `${what} of a convolution is [${got.join(', ')}], not [${want.join(', ')}]`;
    }
    return undefined;
  } finally {
    tf.dispose([image, filter, dy, results]);
  }
}
