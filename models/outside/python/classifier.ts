/** A module that lives in the user's own Python, as a classifier: images go out and logits and gradients come back through a file in memory. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RampartError } from '../../../errors.ts';
import { type Shape, tf } from '../../../tensor/tf.ts';
import type { Classifier, Linearized } from '../../classifier.ts';
import { Blocking } from '../blocking.ts';
import { imagesToSend } from '../images.ts';
import { SharedFile } from '../shared-file.ts';
import { nameOf, type PythonFacts, PythonProcess, type PythonSource } from './process.ts';
import type { ThreadData, ThreadRequest } from './thread.ts';

/** A form of data, and threads for PyTorch on the CPU. */
export interface LiveSetup {
  readonly shape: Shape;
  readonly classes: number;
  readonly threads: number;
}

/** The script at its place in the package, from the sources and from `dist/` alike. */
function scriptPath(): string {
  for (const up of ['./live.py', '../../../../models/outside/python/live.py']) {
    const path = fileURLToPath(new URL(up, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new RampartError('[python] live.py is missing from this installation', { remedy: 'install rampart again' });
}

/** What the module is, asked without blocking; its process is gone when this resolves. Throws a RampartError that names what is wrong with it. */
export async function askPython(source: PythonSource, { shape, classes, threads }: LiveSetup, signal: AbortSignal): Promise<PythonFacts> {
  const process = new PythonProcess(source, scriptPath());
  const end = () => void process.end();
  signal.addEventListener('abort', end);
  try {
    return await process.load({ shape, classes, threads, measure: true });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
    await process.end();
  }
}

const threadUrl = () => new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);

/** Starts the process and loads the module: seconds, for as long as `import torch` and the weights take. The caller owns the classifier. */
export function openPython(source: PythonSource, setup: LiveSetup): { classifier: Classifier; facts: PythonFacts } {
  const thread = new Blocking<ThreadRequest, PythonFacts | undefined>(threadUrl(), { source, script: scriptPath() } satisfies ThreadData);
  const ask = (request: ThreadRequest) => thread.call(request, source.timeout + GRACE);
  const close = () => {
    try {
      ask({ op: 'end' });
    } finally {
      thread.close();
    }
  };
  try {
    const { shape, classes, threads } = setup;
    const facts = ask({ op: 'load', task: { shape, classes, threads, measure: false } }) as PythonFacts;
    return { classifier: new LiveClassifier(nameOf(source), setup, ask, close), facts };
  } catch (error) {
    close();
    throw error;
  }
}

/** Beyond the limit of a pass, in seconds: so long the thread may take to tell of it. */
const GRACE = 30;

class LiveClassifier implements Classifier {
  readonly classes: number;
  readonly inputShape: Shape;
  readonly #name: string;
  readonly #ask: (request: ThreadRequest) => unknown;
  readonly #close: () => void;
  readonly #pixels: number;
  #memory: SharedFile | undefined;
  /** Images that it has room for. */
  #capacity = 0;
  #passes = 0;
  /** Kept passes that nobody will ask again: told with the next request. */
  #dropped: number[] = [];

  constructor(name: string, { shape, classes }: LiveSetup, ask: (request: ThreadRequest) => unknown, close: () => void) {
    this.#name = name;
    this.classes = classes;
    this.inputShape = shape;
    this.#ask = ask;
    this.#close = close;
    this.#pixels = shape[0] * shape[1] * shape[2];
  }

  logits(x: tf.Tensor4D): tf.Tensor2D {
    return this.#forward(x);
  }

  linearize(x: tf.Tensor4D): Linearized {
    const kept = this.#passes++;
    const logits = this.#forward(x, kept);
    const n = x.shape[0];
    return {
      logits,
      pullback: (dlogits, last = false) => {
        this.#put(dlogits.dataSync() as Float32Array, this.#capacity * this.#pixels);
        this.#ask({ op: 'pullback', kept, n, last, ...this.#toDrop() });
        return tf.tensor4d(this.#take(n, this.#pixels, 0, 'a finite input gradient'), [n, ...this.inputShape]);
      },
      dispose: () => {
        this.#dropped.push(kept);
        logits.dispose();
      },
    };
  }

  #forward(x: tf.Tensor4D, keep?: number): tf.Tensor2D {
    const n = x.shape[0];
    const values = imagesToSend(x, this.inputShape, this.#name);
    const larger = n > this.#capacity ? this.#grow(n) : undefined;
    this.#put(values, 0);
    this.#ask({ op: 'logits', n, ...(keep !== undefined && { keep }), ...this.#toDrop(), ...larger });
    // both sides have it open: whatever ends them now, nothing stays
    this.#memory?.unlink();
    return tf.tensor2d(this.#take(n, this.classes, this.#capacity * this.#pixels, 'finite logits'), [n, this.classes]);
  }

  #grow(capacity: number): { memory: string; capacity: number } {
    this.#memory?.close();
    this.#memory = new SharedFile(4 * capacity * (this.#pixels + this.classes));
    this.#capacity = capacity;
    return { memory: this.#memory.path, capacity };
  }

  #toDrop(): { drop?: number[] } {
    if (this.#dropped.length === 0) return {};
    const drop = this.#dropped;
    this.#dropped = [];
    return { drop };
  }

  /** Places are counted in float32. */
  #put(values: Float32Array, at: number): void {
    this.#memory?.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 4 * at);
  }

  /** So many numbers of each of n images. */
  #take(n: number, each: number, at: number, expected: string): Float32Array {
    const values = new Float32Array(n * each);
    this.#memory?.read(new Uint8Array(values.buffer), 4 * at);
    const broken = values.findIndex((v) => !Number.isFinite(v));
    if (broken >= 0)
      throw new RampartError(
        `[${this.#name}] expected ${expected}, got ${values[broken]} on image ${Math.floor(broken / each)} of the batch`,
      );
    return values;
  }

  dispose(): void {
    this.#memory?.close();
    this.#close();
  }
}
