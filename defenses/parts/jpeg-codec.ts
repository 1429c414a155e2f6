/** JPEG compression and decompression (ITU-T T.81, JFIF) of a batch on the device: every stage but the lossless coding, as matrix products and rounding. */
import { CHROMINANCE, LUMINANCE } from '../../tensor/jpeg-tables.ts';
import { type Shape, tf } from '../../tensor/tf.ts';

type Matrix = number[][];

const matrix = (rows: number, columns: number, at: (i: number, j: number) => number): Matrix =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => at(i, j)));

/** Orthonormal DCT-II of every run of eight rows, `[size,size]`. */
const blockDct = (size: number): Matrix =>
  matrix(size, size, (i, j) => {
    if (i >> 3 !== j >> 3) return 0;
    const [u, x] = [i & 7, j & 7];
    return Math.sqrt((u === 0 ? 1 : 2) / 8) * Math.cos(((2 * x + 1) * u * Math.PI) / 16);
  });

/** Repeats the last row up to `padded`. */
const edgePad = (size: number, padded: number): Matrix => matrix(padded, size, (i, j) => (Math.min(i, size - 1) === j ? 1 : 0));

/** Sums of two neighbours, the last of the first `real` sums repeated: libjpeg pads columns before it halves them and rows after. */
const pairSums = (padded: number, real: number): Matrix => matrix(padded / 2, padded, (i, j) => (j >> 1 === Math.min(i, real - 1) ? 1 : 0));

/** libjpeg's default ("fancy") upsampling: three quarters of the nearest sample and one of the next, of those that the image has. */
const upsample = (size: number, padded: number): Matrix => {
  const last = Math.ceil(size / 2) - 1;
  return matrix(padded, padded / 2, (i, j) => {
    const near = Math.min(last, i >> 1);
    const next = Math.max(0, Math.min(last, i & 1 ? near + 1 : near - 1));
    return (j === near ? 0.75 : 0) + (j === next ? 0.25 : 0);
  });
};

/** The table at `quality` as libjpeg scales it, repeated over `[height,width]`. */
function quantizers(table: readonly number[], quality: number, height: number, width: number): Matrix {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  const scaled = table.map((q) => Math.min(255, Math.max(1, Math.floor((q * scale + 50) / 100))));
  return matrix(height, width, (i, j) => scaled[(i & 7) * 8 + (j & 7)] as number);
}

/** Compresses and decompresses images of one shape at one quality; chroma is halved in both directions (4:2:0). */
export class JpegCodec {
  readonly #shape: Shape;
  readonly #padded: readonly [number, number];
  readonly #constants = new Map<string, tf.Tensor2D>();
  readonly #quality: number;

  /** `shape` has one channel (grey) or three (RGB). */
  constructor(shape: Shape, quality: number) {
    this.#shape = shape;
    this.#quality = quality;
    const unit = shape[2] === 3 ? 16 : 8;
    this.#padded = [Math.ceil(shape[0] / unit) * unit, Math.ceil(shape[1] / unit) * unit];
    // makes the constants now, so that no later pass leaves a tensor behind
    const blank = tf.zeros<tf.Rank.R4>([1, ...shape]);
    tf.dispose([this.apply(blank), blank]);
  }

  #constant(name: string, make: () => Matrix): tf.Tensor2D {
    const known = this.#constants.get(name);
    if (known) return known;
    const made = tf.keep(tf.tensor2d(make()));
    this.#constants.set(name, made);
    return made;
  }

  /** `L X R^T` for every image of `x` `[n,h,w]`. */
  #sandwich(left: tf.Tensor2D, x: tf.Tensor, right: tf.Tensor2D): tf.Tensor3D {
    const n = x.shape[0] as number;
    const [h, w] = [left.shape[1], right.shape[1]];
    const rows = tf.matMul(x.reshape([n * h, w]) as tf.Tensor2D, right, false, true).reshape([n, h, right.shape[0]]);
    const columns = tf.matMul(rows.transpose([0, 2, 1]).reshape([n * right.shape[0], h]) as tf.Tensor2D, left, false, true);
    return columns.reshape([n, right.shape[0], left.shape[0]]).transpose([0, 2, 1]) as tf.Tensor3D;
  }

  /** What quantising the coefficients of a plane with values in 0..255 leaves of it, `[n,h,w]` with sides that are multiples of 8. */
  #quantize(plane: tf.Tensor3D, table: 'luminance' | 'chrominance'): tf.Tensor3D {
    const [, height, width] = plane.shape;
    const dct = (size: number) => this.#constant(`dct ${size}`, () => blockDct(size));
    const inverse = (size: number) =>
      this.#constant(`inverse dct ${size}`, () => {
        const forward = blockDct(size);
        return matrix(size, size, (i, j) => (forward[j] as number[])[i] as number);
      });
    const steps = table === 'luminance' ? LUMINANCE : CHROMINANCE;
    const q = this.#constant(table, () => quantizers(steps, this.#quality, height, width));
    const coefficients = this.#sandwich(dct(height), plane.sub(128), dct(width));
    // libjpeg's coefficients are integers eight times too large, and a half is rounded away from zero
    const eighths = roundUp(coefficients.mul(8));
    const kept = tf
      .floor(eighths.abs().add(q.mul(4)).div(q.mul(8)))
      .mul(eighths.sign())
      .mul(q);
    return clip(roundUp(this.#sandwich(inverse(height), kept, inverse(width)).add(128))) as tf.Tensor3D;
  }

  /** A full plane `[n,h,w]` padded by its edge, at half size, quantised, and back. */
  #chroma(plane: tf.Tensor3D): tf.Tensor3D {
    const [ph, pw] = this.#padded;
    const halfRows = this.#constant('half rows', () => pairSums(ph, Math.ceil(this.#shape[0] / 2)));
    const halfColumns = this.#constant('half columns', () => pairSums(pw, pw / 2));
    const double = (axis: 0 | 1) => this.#constant(`double ${axis}`, () => upsample(this.#shape[axis], this.#padded[axis]));
    // libjpeg rounds sums of four down after adding 1 and 2 in turn
    const bias = this.#constant('bias', () => matrix(ph / 2, pw / 2, (_, j) => 1 + (j & 1)));
    const small = tf.floor(this.#sandwich(halfRows, plane, halfColumns).add(bias).div(4)) as tf.Tensor3D;
    const large = this.#sandwich(double(0), this.#quantize(small, 'chrominance'), double(1));
    // and sixteenths of the upsampled ones after adding 8 and 7
    return tf.floor(large.add(this.#constant('large bias', () => matrix(ph, pw, (_, j) => (8 - (j & 1)) / 16)))) as tf.Tensor3D;
  }

  #pad(plane: tf.Tensor3D): tf.Tensor3D {
    const [h, w] = this.#shape;
    const [ph, pw] = this.#padded;
    if (h === ph && w === pw) return plane;
    const pad = (size: number, padded: number) => this.#constant(`pad ${size}`, () => edgePad(size, padded));
    return this.#sandwich(pad(h, ph), plane, pad(w, pw));
  }

  /** Images in [0,1], `[n,h,w,c]`, as a decoder shows them after compression. The caller owns the result. */
  apply(x: tf.Tensor4D): tf.Tensor4D {
    return tf.tidy(() => {
      const bytes = tf.round(x.mul(255));
      const planes = tf.unstack(bytes, 3).map((plane) => this.#pad(plane as tf.Tensor3D));
      const decoded = planes.length === 3 ? this.#colour(planes) : planes.map((p) => this.#quantize(p, 'luminance'));
      const [n, h, w] = x.shape;
      return tf.stack(decoded, 3).slice([0, 0, 0, 0], [n, h, w, decoded.length]).div(255) as tf.Tensor4D;
    });
  }

  #colour(planes: readonly tf.Tensor3D[]): tf.Tensor3D[] {
    const [r, g, b] = planes as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
    const mix = (wr: number, wg: number, wb: number, offset: number) =>
      roundUp(r.mul(wr).add(g.mul(wg)).add(b.mul(wb)).add(offset)) as tf.Tensor3D;
    const y = this.#quantize(mix(0.299, 0.587, 0.114, 0), 'luminance');
    const cb = this.#chroma(mix(-0.168735892, -0.331264108, 0.5, 128)).sub(128);
    const cr = this.#chroma(mix(0.5, -0.418687589, -0.081312411, 128)).sub(128);
    const back = [y.add(cr.mul(1.402)), y.sub(cb.mul(0.344136286)).sub(cr.mul(0.714136286)), y.add(cb.mul(1.772))];
    return back.map((plane) => clip(roundUp(plane)) as tf.Tensor3D);
  }

  dispose(): void {
    tf.dispose([...this.#constants.values()]);
    this.#constants.clear();
  }
}

/** To the nearest integer, halves up; `tf.round` takes halves to even. */
const roundUp = (t: tf.Tensor) => tf.floor(t.add(0.5));

const clip = (t: tf.Tensor) => tf.clipByValue(t, 0, 255);
