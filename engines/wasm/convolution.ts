/** Gradients of convolutions on our own kernels: TensorFlow.js's wasm backend has no filter gradient and a slow input gradient. */
import { tf } from '../../tensor/tf.ts';
import { type KernelArgs, native, output, type Pointer, pointerOf, scratch, scratchInts, type WasmBackend } from './memory.ts';

type Info = tf.backend_util.Conv2DInfo;
type Attrs = {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number;
  dataFormat: 'NHWC' | 'NCHW';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dilations?: [number, number] | number;
};

const FLOAT = 4;

function geometry(xShape: readonly number[], filterShape: readonly number[], attrs: Attrs): Info {
  return tf.backend_util.computeConv2DInfo(
    xShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
    false,
    tf.backend_util.convertConv2DDataFormat(attrs.dataFormat),
  );
}

/** A batch of images with a border of zeros, one image at a time in scratch space, or where they are when no border is needed. */
interface Padded {
  readonly row: number;
  readonly pixel: number;
  at(image: number): Pointer;
}

interface Border {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

function padded(b: WasmBackend, images: Pointer, [h, w, c]: readonly [number, number, number], border: Border): Padded {
  const pixel = c * FLOAT;
  const size = h * w * pixel;
  if (border.top === 0 && border.left === 0 && border.height <= h && border.width <= w) {
    return { row: w * pixel, pixel, at: (image) => images + image * size };
  }
  const width = Math.max(border.width, border.left + w);
  const height = Math.max(border.height, border.top + h);
  const row = width * pixel;
  const space = scratch(b, 'padded', height * row);
  native().clear(space, height * row);
  const interior = space + border.top * row + border.left * pixel;
  const at = (image: number) => {
    native().copyRows(images + image * size, interior, h, w * pixel, row);
    return space;
  };
  return { row, pixel, at };
}

/** What the input must look like for every tap of every output pixel to lie inside it. */
function forwardBorder(info: Info): Border {
  return {
    top: info.padInfo.top,
    left: info.padInfo.left,
    height: (info.outHeight - 1) * info.strideHeight + info.filterHeight,
    width: (info.outWidth - 1) * info.strideWidth + info.filterWidth,
  };
}

function unsupported(info: Info): boolean {
  return info.dataFormat !== 'channelsLast' || info.dilationHeight !== 1 || info.dilationWidth !== 1;
}

/** `dL/dfilter`, `[kh,kw,ci,co]`, of `x` `[n,h,w,ci]` and `dy` `[n,oh,ow,co]`. */
export function conv2DBackpropFilter({ inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo {
  const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
  const info = geometry(x.shape, attrs.filterShape as number[], attrs as unknown as Attrs);
  if (unsupported(info)) throw new Error('Conv2DBackpropFilter on wasm takes NHWC images without dilation');
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
export function conv2DBackpropInput({ inputs, attrs, backend: b }: KernelArgs): tf.TensorInfo {
  const { dy, filter } = inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo };
  const info = geometry(attrs.inputShape as number[], filter.shape, attrs as unknown as Attrs);
  if (unsupported(info)) throw new Error('Conv2DBackpropInput on wasm takes NHWC images without dilation');
  const { info: dx, at: out } = output(b, info.inShape);
  const { strideHeight: sh, strideWidth: sw, padInfo } = info;
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
