/** Convolutions of NHWC images and their gradients on our own kernels: TensorFlow.js's wasm backend has no filter gradient, a slow input gradient, and turns NaN into -Infinity going forward. */
import { RampartError } from '../../errors.ts';
import type { tf } from '../../tensor/tf.ts';
import { type Attrs, type Border, FLOAT, forwardBorder, geometry, type Info, type Padded, padded, unsupported } from './images.ts';
import { type KernelArgs, native, output, type Pointer, pointerOf, scratch, scratchInts, type WasmBackend } from './memory.ts';
import { suits, winogradConvolve } from './winograd.ts';

/** The bias `[co]`, readable eight at a time. */
function paddedBias(b: WasmBackend, bias: tf.TensorInfo | undefined, co: number): Pointer {
  if (!bias) return 0;
  if (co % 8 === 0) return pointerOf(b, bias);
  const space = scratch(b, 'bias', Math.ceil(co / 8) * 8 * FLOAT);
  native().copyRows(pointerOf(b, bias), space, 1, co * FLOAT, 0);
  return space;
}

function forward(b: WasmBackend, info: Info, x: Pointer, filter: Pointer, bias: Pointer, relu: boolean): tf.TensorInfo {
  const { info: y, at: out } = output(b, info.outShape);
  const k = native();
  const { inChannels: ci, outChannels: co, outHeight, outWidth } = info;
  if (suits([info.filterHeight, info.filterWidth], [info.strideHeight, info.strideWidth], ci, co)) {
    const problem = {
      batch: info.batchSize,
      from: [info.inHeight, info.inWidth, ci],
      to: [outHeight, outWidth, co],
      top: info.padInfo.top,
      left: info.padInfo.left,
    } as const;
    const taps = { first: filter, tapStride: ci * co * FLOAT, inStride: co * FLOAT, outStride: FLOAT };
    winogradConvolve(b, problem, x, taps, bias, relu, out);
    return y;
  }
  const image = padded(b, x, [info.inHeight, info.inWidth, ci], forwardBorder(info));
  const depth = info.filterHeight * info.filterWidth * ci;
  const order = scratchInts(
    b,
    'order',
    Int32Array.from({ length: depth }, (_, i) => i * co * FLOAT),
  );
  const packed = scratch(b, 'filter', Math.ceil(co / 8) * 8 * depth * FLOAT);
  k.packFilter(filter, order, depth, co, FLOAT, packed);
  // a row of the filter reads inputs that lie side by side
  const runs: number[] = [];
  for (let row = 0; row < info.filterHeight; row++) runs.push(row * image.row, info.filterWidth * ci);
  const runsAt = scratchInts(b, 'runs', runs);
  const [rowStep, pixelStep] = [image.row * info.strideHeight, image.pixel * info.strideWidth];
  const outRow = outWidth * co * FLOAT;
  for (let n = 0; n < info.batchSize; n++) {
    const to = out + n * outHeight * outRow;
    const from = image.at(n);
    k.convolve(
      from,
      rowStep,
      pixelStep,
      runsAt,
      info.filterHeight,
      depth,
      packed,
      bias,
      relu,
      to,
      outRow,
      co * FLOAT,
      outHeight,
      outWidth,
      co,
    );
  }
  return y;
}

/** `[n,oh,ow,co]` of `x` `[n,h,w,ci]` and `filter` `[kh,kw,ci,co]`. */
export function conv2D({ inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo | undefined {
  const { x, filter } = inputs as { x: tf.TensorInfo; filter: tf.TensorInfo };
  const info = geometry(x.shape, filter.shape, attrs as unknown as Attrs);
  if (unsupported(info)) return undefined;
  return forward(b, info, pointerOf(b, x), pointerOf(b, filter), 0, false);
}

/** The same with a bias `[co]` and ReLU. */
export function fusedConv2D({ inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo | undefined {
  const { x, filter, bias } = inputs as { x: tf.TensorInfo; filter: tf.TensorInfo; bias?: tf.TensorInfo };
  const info = geometry(x.shape, filter.shape, attrs as unknown as Attrs);
  if (unsupported(info) || (attrs.activation !== 'linear' && attrs.activation !== 'relu')) return undefined;
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== info.outChannels)) return undefined;
  const biasAt = paddedBias(b, bias, info.outChannels);
  return forward(b, info, pointerOf(b, x), pointerOf(b, filter), biasAt, attrs.activation === 'relu');
}

/** A gradient of another shape than the output's would be read beside its values. */
function checkGradient(kernel: string, info: Info, dy: tf.TensorInfo): void {
  if (dy.shape.join() === info.outShape.join()) return;
  throw new RampartError(`[wasm] ${kernel}: expected dy [${info.outShape.join(', ')}], got [${dy.shape.join(', ')}]`);
}

/** `dL/dfilter`, `[kh,kw,ci,co]`, of `x` `[n,h,w,ci]` and `dy` `[n,oh,ow,co]`. */
export function conv2DBackpropFilter({ inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo | undefined {
  const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
  const info = geometry(x.shape, attrs.filterShape as number[], attrs as unknown as Attrs);
  if (unsupported(info)) return undefined;
  checkGradient('Conv2DBackpropFilter', info, dy);
  const { info: dFilter, at: out } = output(b, info.filterShape);
  const k = native();
  k.clear(out, info.filterHeight * info.filterWidth * info.inChannels * info.outChannels * FLOAT);
  const image = padded(b, pointerOf(b, x), [info.inHeight, info.inWidth, info.inChannels], forwardBorder(info));
  const dyPixel = info.outChannels * FLOAT;
  const dyRow = info.outWidth * dyPixel;
  // enough pixels to pay for loading and storing a tile, few enough to stay in the nearest cache
  const block = Math.max(1, Math.ceil(64 / info.outWidth));
  for (let n = 0; n < info.batchSize; n++) {
    k.filterGrad(
      image.at(n),
      image.row * info.strideHeight,
      image.pixel * info.strideWidth,
      image.row,
      pointerOf(b, dy) + n * info.outHeight * dyRow,
      dyRow,
      dyPixel,
      info.outHeight,
      info.outWidth,
      block,
      info.filterHeight,
      info.filterWidth * info.inChannels,
      info.outChannels,
      out,
    );
  }
  return dFilter;
}

/** Taps of one dimension that reach input positions of one residue: the offset in `dy` of each, ascending, with its filter index. */
function tapsOf(residue: number, kernel: number, stride: number, pad: number): { offset: number; tap: number }[] {
  const taps: { offset: number; tap: number }[] = [];
  for (let tap = kernel - 1; tap >= 0; tap--) {
    const reach = residue + pad - tap;
    if (reach % stride === 0) taps.push({ offset: reach / stride, tap });
  }
  return taps;
}

/**
 * `dL/dx`, `[n,h,w,ci]`, of `dy` `[n,oh,ow,co]` and the filter. Input pixels whose coordinates have the same residues modulo the strides
 * are reached by the same taps: for each such phase this is an ordinary convolution of `dy` with some of the taps.
 */
export function conv2DBackpropInput({ inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo | undefined {
  const { dy, filter } = inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo };
  const info = geometry(attrs.inputShape as number[], filter.shape, attrs as unknown as Attrs);
  if (unsupported(info)) return undefined;
  checkGradient('Conv2DBackpropInput', info, dy);
  const { info: dx, at: out } = output(b, info.inShape);
  const { strideHeight: sh, strideWidth: sw, padInfo, inChannels: ci, outChannels: co } = info;
  if (suits([info.filterHeight, info.filterWidth], [sh, sw], ci, co) && padInfo.top <= 2 && padInfo.left <= 2) {
    const problem = {
      batch: info.batchSize,
      from: [info.outHeight, info.outWidth, co],
      to: [info.inHeight, info.inWidth, ci],
      top: 2 - padInfo.top,
      left: 2 - padInfo.left,
    } as const;
    const pair = ci * co * FLOAT;
    const taps = { first: pointerOf(b, filter) + 8 * pair, tapStride: -pair, inStride: FLOAT, outStride: co * FLOAT };
    winogradConvolve(b, problem, pointerOf(b, dy), taps, 0, false, out);
    return dx;
  }
  const phases: Phase[] = [];
  for (let py = 0; py < Math.min(sh, info.inHeight); py++)
    for (let px = 0; px < Math.min(sw, info.inWidth); px++)
      phases.push({
        y: py,
        x: px,
        rows: tapsOf(py, info.filterHeight, sh, padInfo.top),
        columns: tapsOf(px, info.filterWidth, sw, padInfo.left),
        height: Math.ceil((info.inHeight - py) / sh),
        width: Math.ceil((info.inWidth - px) / sw),
      });
  runPhases(b, info, phases, pointerOf(b, dy), pointerOf(b, filter), out);
  return dx;
}

interface Phase {
  readonly y: number;
  readonly x: number;
  readonly rows: { offset: number; tap: number }[];
  readonly columns: { offset: number; tap: number }[];
  readonly height: number;
  readonly width: number;
}

/** The border of `dy` that serves every phase. */
function backwardBorder(info: Info, phases: readonly Phase[]): Border {
  let [top, left, bottom, right] = [0, 0, 0, 0];
  for (const p of phases) {
    for (const { offset } of p.rows) {
      top = Math.max(top, -offset);
      bottom = Math.max(bottom, offset + p.height);
    }
    for (const { offset } of p.columns) {
      left = Math.max(left, -offset);
      right = Math.max(right, offset + p.width);
    }
  }
  return { top, left, height: top + Math.max(bottom, info.outHeight), width: left + Math.max(right, info.outWidth) };
}

function runPhases(b: WasmBackend, info: Info, phases: readonly Phase[], dy: Pointer, filter: Pointer, out: Pointer): void {
  const k = native();
  const { inChannels: ci, outChannels: co, strideHeight: sh, strideWidth: sw } = info;
  const imageBytes = info.inHeight * info.inWidth * ci * FLOAT;
  const border = backwardBorder(info, phases);
  const source = padded(b, dy, [info.outHeight, info.outWidth, co], border);
  if (phases.some((p) => p.rows.length * p.columns.length === 0)) k.clear(out, info.batchSize * imageBytes);
  const compiled = phases
    .filter((p) => p.rows.length * p.columns.length > 0)
    .map((p, i) => ({ ...p, ...layOut(b, `phase ${i}`, p, info, filter, source, border) }));
  const [row, pixel] = [info.inWidth * ci * FLOAT, ci * FLOAT];
  for (let n = 0; n < info.batchSize; n++) {
    const from = source.at(n);
    for (const p of compiled) {
      const to = out + n * imageBytes + p.y * row + p.x * pixel;
      const depth = p.rows.length * p.columns.length * co;
      k.convolve(
        from,
        source.row,
        source.pixel,
        p.runs,
        p.rows.length,
        depth,
        p.packed,
        0,
        false,
        to,
        row * sh,
        pixel * sw,
        p.height,
        p.width,
        ci,
      );
    }
  }
}

/** The taps of a phase as runs of neighbouring floats of `dy`, and the filter packed in their order with its channels swapped. */
function layOut(
  b: WasmBackend,
  name: string,
  p: Phase,
  { inChannels: ci, outChannels: co, filterWidth }: Info,
  filter: Pointer,
  source: Padded,
  border: Border,
): { runs: Pointer; packed: Pointer } {
  const runs: number[] = [];
  const order: number[] = [];
  const first = (p.columns[0] as { offset: number }).offset;
  for (const r of p.rows) {
    runs.push((r.offset + border.top) * source.row + (first + border.left) * source.pixel, p.columns.length * co);
    for (const c of p.columns) for (let o = 0; o < co; o++) order.push(((r.tap * filterWidth + c.tap) * ci * co + o) * FLOAT);
  }
  const packed = scratch(b, `${name} filter`, Math.ceil(ci / 8) * 8 * order.length * FLOAT);
  native().packFilter(filter, scratchInts(b, 'order', order), order.length, ci, co * FLOAT, packed);
  return { runs: scratchInts(b, `${name} runs`, runs), packed };
}
