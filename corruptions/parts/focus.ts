/** A lens out of focus: a disk, softened at its edge, that every pixel becomes. */

/** A square of `side * side` weights, together 1. */
export interface Kernel {
  readonly side: number;
  readonly weights: Float32Array;
}

/** The disk of CIFAR-10-C's code: of 17 x 17 weights those within `radius`, softened by a Gaussian of three weights and standard deviation `alias`. */
export function disk(radius: number, alias: number): Kernel {
  const side = 17;
  const inside = new Float32Array(side * side);
  for (let y = -8; y <= 8; y++) for (let x = -8; x <= 8; x++) if (x * x + y * y <= radius * radius) inside[(y + 8) * side + x + 8] = 1;
  const area = inside.reduce((sum, value) => sum + value, 0);
  const edge = Math.exp(-1 / (2 * alias * alias));
  const three = [edge / (1 + 2 * edge), 1 / (1 + 2 * edge), edge / (1 + 2 * edge)].map(Math.fround);
  const even = inside.map((value) => value / area);
  return { side, weights: softened(softened(even, three, 1), three, side) };
}

/** Three weights along lines whose values lie `stride` apart; the disk is far from the border. */
function softened(values: Float32Array, [before, centre, after]: readonly number[], stride: number): Float32Array {
  const at = (i: number) => values[i] ?? 0;
  return values.map((value, i) => (before as number) * at(i - stride) + (centre as number) * value + (after as number) * at(i + stride));
}

/** The place in 0..n-1 that stands for `i`, mirrored with the end once. */
export function mirrored(i: number, n: number): number {
  const period = 2 * n - 2;
  const turned = ((i % period) + period) % period;
  return turned < n ? turned : period - turned;
}

/** `values` `[side,side,channels]` correlated with a kernel, mirrored at the border. */
export function filtered(values: Float64Array, side: number, kernel: Kernel): Float64Array {
  const channels = values.length / (side * side);
  const half = (kernel.side - 1) / 2;
  const taps = [...kernel.weights.entries()].filter(([, weight]) => weight !== 0);
  return values.map((_, at) => {
    const [row, column, channel] = [Math.floor(at / (side * channels)), Math.floor(at / channels) % side, at % channels];
    let sum = 0;
    for (const [tap, weight] of taps) {
      const y = mirrored(row + Math.floor(tap / kernel.side) - half, side);
      const x = mirrored(column + (tap % kernel.side) - half, side);
      sum += weight * (values[(y * side + x) * channels + channel] as number);
    }
    return sum;
  });
}
