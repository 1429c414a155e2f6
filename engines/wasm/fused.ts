/** The operations of `tensor/fused.ts` as one kernel each. */
import { FUSED } from '../../tensor/fused.ts';
import type { tf } from '../../tensor/tf.ts';
import { floats, type KernelArgs, native, output, type Pointer, pointerOf, scratch, sizeOf, type WasmBackend } from './memory.ts';

/** Writes float32 values to scratch space. */
function scratchFloats(b: WasmBackend, name: string, values: Float32Array): Pointer {
  const at = scratch(b, name, values.byteLength);
  floats(b, at, values.length).set(values);
  return at;
}

function rowsOf(x: tf.TensorInfo): [m: number, c: number] {
  const c = x.shape[x.shape.length - 1] as number;
  return [sizeOf(x) / c, c];
}

function batchNormTrain({ inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo[] {
  const { x, gamma, beta } = inputs as Record<'x' | 'gamma' | 'beta', tf.TensorInfo>;
  const eps = attrs.eps as number;
  const [m, c] = rowsOf(x);
  const y = output(b, x.shape);
  const mean = output(b, [c]);
  const variance = output(b, [c]);
  native().moments(pointerOf(b, x), m, c, scratch(b, 'totals', 16 * c), mean.at, variance.at);
  const scale = new Float32Array(c);
  const shift = new Float32Array(c);
  const [mu, v, g, s] = [mean.at, variance.at, pointerOf(b, gamma), pointerOf(b, beta)].map((at) => floats(b, at, c)) as Four;
  for (let i = 0; i < c; i++) {
    scale[i] = at(g, i) / Math.sqrt(at(v, i) + eps);
    shift[i] = at(s, i) - at(mu, i) * at(scale, i);
  }
  const [scaleAt, shiftAt] = [scratchFloats(b, 'a', scale), scratchFloats(b, 'b', shift)];
  native().affine(pointerOf(b, x), m, c, scaleAt, shiftAt, false, y.at);
  return [y.info, mean.info, variance.info];
}

type Four = [Float32Array, Float32Array, Float32Array, Float32Array];
const at = (values: Float32Array | Float64Array, i: number): number => values[i] as number;

function batchNormTrainGrad({ inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo[] {
  const { x, dy, gamma, mean, variance } = inputs as Record<'x' | 'dy' | 'gamma' | 'mean' | 'variance', tf.TensorInfo>;
  const eps = attrs.eps as number;
  const [m, c] = rowsOf(x);
  const dx = output(b, x.shape);
  const dgamma = output(b, [c]);
  const dbeta = output(b, [c]);
  const totals = scratch(b, 'totals', 16 * c);
  native().gradSums(pointerOf(b, x), pointerOf(b, dy), m, c, pointerOf(b, mean), totals);
  const sums = new Float64Array(b.wasm.HEAPU8.buffer, totals, 2 * c); // of dy, then of dy * (x - mean)
  const [g, v, dg, db] = [pointerOf(b, gamma), pointerOf(b, variance), dgamma.at, dbeta.at].map((p) => floats(b, p, c)) as Four;
  const coefficients = [new Float32Array(c), new Float32Array(c), new Float32Array(c)] as const;
  for (let i = 0; i < c; i++) {
    const invStd = 1 / Math.sqrt(at(v, i) + eps);
    const a = at(g, i) * invStd;
    db[i] = at(sums, i);
    dg[i] = at(sums, c + i) * invStd;
    coefficients[0][i] = a;
    coefficients[1][i] = (-a * invStd * invStd * at(sums, c + i)) / m;
    coefficients[2][i] = (-a * at(sums, i)) / m;
  }
  const [first, second, third] = coefficients;
  const [p, q, r] = [scratchFloats(b, 'a', first), scratchFloats(b, 'b', second), scratchFloats(b, 'c', third)];
  native().gradInput(pointerOf(b, x), pointerOf(b, dy), m, c, p, q, r, pointerOf(b, mean), dx.at);
  return [dx.info, dgamma.info, dbeta.info];
}

function reluGrad({ inputs, backend: b }: KernelArgs): tf.TensorInfo {
  const { dy, y } = inputs as Record<'dy' | 'y', tf.TensorInfo>;
  const out = output(b, dy.shape);
  native().reluGrad(pointerOf(b, dy), pointerOf(b, y), sizeOf(dy), out.at);
  return out.info;
}

/** Logits, labels and the row's largest logit and log of the sum of exponentials: few numbers, so plain JavaScript in float64. */
function eachRow(
  b: WasmBackend,
  logits: tf.TensorInfo,
  labels: tf.TensorInfo,
  visit: (row: number, z: Float32Array, label: number, logSumExp: number) => void,
): void {
  const [n, classes] = logits.shape as [number, number];
  const z = floats(b, pointerOf(b, logits), n * classes);
  const y = new Int32Array(b.wasm.HEAPU8.buffer, pointerOf(b, labels), n);
  for (let i = 0; i < n; i++) {
    const row = z.subarray(i * classes, (i + 1) * classes);
    let largest = Number.NEGATIVE_INFINITY;
    for (const v of row) largest = Math.max(largest, v);
    let sum = 0;
    for (const v of row) sum += Math.exp(v - largest);
    visit(i, row, y[i] as number, largest + Math.log(sum));
  }
}

function softmaxCrossEntropy({ inputs, backend: b }: KernelArgs): tf.TensorInfo {
  const { logits, labels } = inputs as Record<'logits' | 'labels', tf.TensorInfo>;
  const out = output(b, [logits.shape[0] as number]);
  const losses = floats(b, out.at, logits.shape[0] as number);
  eachRow(b, logits, labels, (i, z, label, logSumExp) => {
    losses[i] = logSumExp - at(z, label);
  });
  return out.info;
}

function softmaxCrossEntropyGrad({ inputs, backend: b }: KernelArgs): tf.TensorInfo {
  const { logits, labels, dy } = inputs as Record<'logits' | 'labels' | 'dy', tf.TensorInfo>;
  const [n, classes] = logits.shape as [number, number];
  const out = output(b, logits.shape);
  const grad = floats(b, out.at, n * classes);
  const scale = floats(b, pointerOf(b, dy), n);
  eachRow(b, logits, labels, (i, z, label, logSumExp) => {
    for (let j = 0; j < classes; j++) grad[i * classes + j] = (Math.exp(at(z, j) - logSumExp) - (j === label ? 1 : 0)) * at(scale, i);
  });
  return out.info;
}

function sgdMomentum({ inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo[] {
  const { w, grad, m } = inputs as Record<'w' | 'grad' | 'm', tf.TensorInfo>;
  const { lr, momentum, weightDecay } = attrs as Record<'lr' | 'momentum' | 'weightDecay', number>;
  const newW = output(b, w.shape);
  const newM = output(b, w.shape);
  native().sgdMomentum(pointerOf(b, w), pointerOf(b, grad), pointerOf(b, m), sizeOf(w), lr, momentum, weightDecay, newW.at, newM.at);
  return [newW.info, newM.info];
}

function signStep({ inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo {
  const { x, grad, origin } = inputs as Record<'x' | 'grad' | 'origin', tf.TensorInfo>;
  const { step, eps } = attrs as Record<'step' | 'eps', number>;
  const out = output(b, x.shape);
  native().signStep(pointerOf(b, x), pointerOf(b, grad), pointerOf(b, origin), sizeOf(x), step, eps, out.at);
  return out.info;
}

export const fusedKernels = {
  [FUSED.batchNormTrain]: batchNormTrain,
  [FUSED.batchNormTrainGrad]: batchNormTrainGrad,
  [FUSED.reluGrad]: reluGrad,
  [FUSED.softmaxCrossEntropy]: softmaxCrossEntropy,
  [FUSED.softmaxCrossEntropyGrad]: softmaxCrossEntropyGrad,
  [FUSED.sgdMomentum]: sgdMomentum,
  [FUSED.signStep]: signStep,
};
