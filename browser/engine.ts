/** The engine that a model runs on here: WebGPU where the page found a GPU, it says what WebAssembly says, and it is faster; else WebAssembly. */
import { linearizeClassifier } from '../attacks/target.ts';
import { start } from '../engines/wasm/start.ts';
import { RampartError } from '../errors.ts';
import { EDGE } from '../harness/evaluate/margin.ts';
import type { Classifier } from '../models/classifier.ts';
import { registerFiniteWatch } from '../tensor/finite.ts';
import { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';

/** What the reader asks for, and what the page found before it started the worker. */
export interface Wanted {
  /** `auto` takes WebGPU where it is faster. */
  readonly engine: 'auto' | 'webgpu' | 'wasm';
  /** The GPU, as the browser names it; absent where there is none or it is not asked for. */
  readonly gpu?: string;
  /** Why there is none, in words. */
  readonly lacking?: string;
}

/** A model on the engine that runs it. */
export interface Running {
  readonly classifier: Classifier;
  /** The engine in words, and why it is not another. */
  readonly engine: string;
  /** Makes the engine the current one. */
  use(): Promise<void>;
  /** Throws where the engine has broken down, after which its last numbers mean nothing. */
  settle(): Promise<void>;
}

/**
 * Of the largest logit: half of what counts as the edge, so that a margin, the difference of two logits, differs by less than the edge, and
 * no verdict off the edge is another engine's.
 */
export const LOGITS_APART = EDGE / 2;

/** Of a gradient's length. Rounding moves units across the kink of their ReLU, and with each a part of the gradient: 1e-4 to 1e-3 where all is right, about 1 where a kernel is wrong. */
export const GRADIENT_APART = 0.01;

/** Images of the self-check. */
const COUNT = 4;

/** Puts a model on its engine; `make` builds it on the current one. */
export async function running(make: () => Classifier, wanted: Wanted): Promise<Running> {
  await start();
  const classifier = make();
  const onWasm = (why?: string): Running => ({
    classifier,
    engine: why === undefined ? 'WebAssembly' : `WebAssembly: ${why}`,
    use: async () => void (await start()),
    settle: async () => undefined,
  });
  if (wanted.gpu === undefined) return onWasm(wanted.lacking);
  const tried = await tryGpu(make, classifier, wanted).catch((error: Error) => `WebGPU did not run: ${error.message}`);
  if (typeof tried !== 'string') {
    classifier.dispose();
    return tried;
  }
  await start();
  return onWasm(tried);
}

/** The same model on the GPU, or why it is not taken. */
async function tryGpu(make: () => Classifier, reference: Classifier, { engine, gpu }: Wanted): Promise<Running | string> {
  const expected = await answers(reference, 1);
  await startGpu();
  const classifier = make();
  try {
    const got = await answers(classifier, 2);
    const apart = compare(expected, got);
    const wrong = differences(apart);
    if (wrong !== undefined || (engine === 'auto' && got.ms >= expected.ms)) {
      classifier.dispose();
      const [slow, fast] = [got.ms, expected.ms].map((ms) => `${ms.toFixed(0)} ms`);
      return wrong === undefined
        ? `WebGPU (${gpu}) is slower here, ${slow} against ${fast}`
        : `WebGPU (${gpu}) failed its self-check: ${wrong}`;
    }
    const agreed = `its logits are those of WebAssembly to ${apart.logits.toExponential(0)} of the largest`;
    return { classifier, engine: `WebGPU (${gpu}), ${agreed}`, use: startGpu, settle: alive };
  } catch (error) {
    classifier.dispose();
    throw error;
  }
}

/** TensorFlow.js's backend is there where the worker was given its script. */
async function startGpu(): Promise<void> {
  if (!(await tf.setBackend('webgpu'))) throw new RampartError('[engine webgpu] the GPU did not start');
  registerFiniteWatch('webgpu', watchByReading);
}

/** Looks at the values themselves: shaders may be compiled as if there were no NaN (WGSL, 15.7.2), and what was read once is read again for nothing. */
function watchByReading() {
  let finite = true;
  return {
    note(values: tf.Tensor) {
      if (!(values.dataSync() as Float32Array).every(Number.isFinite)) finite = false;
    },
    known: () => finite,
    settle: () => undefined,
  };
}

/** Numbers that are computed on the GPU, where TensorFlow.js leaves fewer than a thousand to the processor. */
const MANY = 2048;

/** A GPU that was taken away reads as zeros, and refuses to be waited for. */
async function alive(): Promise<void> {
  const sums = tf.tidy(() => tf.ones([MANY]).add(tf.ones([MANY])));
  const values = (await sums.data().catch(() => new Float32Array(MANY))) as Float32Array;
  sums.dispose();
  if (!values.every((v) => v === 2)) throw new RampartError('[engine webgpu] the GPU broke down on the way: choose WebAssembly');
}

export interface Answers {
  /** `[n,classes]`, read as the harness does, and as attacks do. */
  readonly logits: Float32Array;
  readonly again: Float32Array;
  /** `[n,h,w,c]`: what the logits have with one vector, pulled back. */
  readonly gradient: Float32Array;
  /** Of the last pass, forward and back. */
  readonly ms: number;
}

/** What the model says on the current engine of images drawn at random, the same on all; the last of `passes` is kept. */
async function answers(classifier: Classifier, passes: number): Promise<Answers> {
  const rng = new Rng('self-check');
  const [h, w, c] = classifier.inputShape;
  const x = tf.tensor4d(rng.uniform(COUNT * h * w * c, 0, 1), [COUNT, h, w, c]);
  const dlogits = tf.tensor2d(rng.uniform(COUNT * classifier.classes, -1, 1), [COUNT, classifier.classes]);
  try {
    const first = classifier.logits(x);
    const logits = (await first.data()) as Float32Array;
    first.dispose();
    for (let pass = 1; ; pass++) {
      const began = performance.now();
      const kept = linearizeClassifier(classifier, x);
      const pulled = kept.pullback(dlogits);
      const again = kept.logits.dataSync() as Float32Array;
      const gradient = pulled.dataSync() as Float32Array;
      kept.dispose();
      pulled.dispose();
      if (pass >= passes) return { logits, again, gradient, ms: performance.now() - began };
    }
  } finally {
    tf.dispose([x, dlogits]);
  }
}

const length = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
const largest = (values: Float32Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** How far `got` is from `expected`: logits to the largest of their image, the gradient to its length. */
export function compare(expected: Answers, got: Answers): { logits: number; again: number; gradient: number } {
  const classes = expected.logits.length / COUNT;
  const apart = (values: Float32Array) => {
    const rows = Array.from({ length: COUNT }, (_, i) => {
      const right = expected.logits.subarray(i * classes, (i + 1) * classes);
      return largest(right.map((v, c) => v - (values[i * classes + c] as number))) / largest(right);
    });
    return rows.some(Number.isNaN) ? Number.NaN : Math.max(...rows);
  };
  const off = got.gradient.map((v, i) => v - (expected.gradient[i] as number));
  return { logits: apart(got.logits), again: apart(got.again), gradient: length(off) / length(expected.gradient) };
}

/** In words; undefined where the two agree. What is no number agrees with nothing. */
export function differences({ logits, again, gradient }: ReturnType<typeof compare>): string | undefined {
  const by = (far: number) => (Number.isFinite(far) ? far.toExponential(1) : 'no number');
  if (!(logits <= LOGITS_APART)) return `logits differ by ${by(logits)} of the largest`;
  if (!(again <= LOGITS_APART)) return `logits that are read at once differ by ${by(again)} of the largest`;
  if (!(gradient <= GRADIENT_APART)) return `the gradient differs by ${by(gradient)} of its length`;
  return undefined;
}
