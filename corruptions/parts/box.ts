/** Images of another size, each pixel the mean of those whose centres it covers: Pillow's box filter, in its fixed-point numbers. */

/** Fractional bits of a weight. */
const BITS = 22;

/** `image` `[from,from,channels]` as `[to,to,channels]`: rows first, then columns, each rounded. */
export function boxed(image: Uint8Array, from: number, to: number): Uint8Array {
  const channels = image.length / (from * from);
  const wide = along(image, { lines: from, from, to, step: channels, line: from * channels, made: to * channels, channels });
  return along(wide, { lines: to, from, to, step: to * channels, line: channels, made: channels, channels });
}

interface Lines {
  readonly lines: number;
  readonly from: number;
  readonly to: number;
  /** Values between neighbours of a line, and between lines, before and after. */
  readonly step: number;
  readonly line: number;
  readonly made: number;
  readonly channels: number;
}

function along(values: Uint8Array, { lines, from, to, step, line, made, channels }: Lines): Uint8Array {
  const out = new Uint8Array(lines * to * channels);
  for (let at = 0; at < to; at++) {
    const { first, weights } = coverOf(at, from, to);
    for (let own = 0; own < lines; own++)
      for (let c = 0; c < channels; c++) {
        let sum = 2 ** (BITS - 1);
        weights.forEach((weight, k) => {
          sum += weight * (values[own * line + (first + k) * step + c] as number);
        });
        out[own * made + at * step + c] = Math.min(Math.max(Math.floor(sum / 2 ** BITS), 0), 255);
      }
  }
  return out;
}

/** Which of `from` pixels pixel `at` of `to` covers, and with which weights. */
function coverOf(at: number, from: number, to: number): { first: number; weights: number[] } {
  const scale = from / to;
  const wide = Math.max(scale, 1);
  const centre = (at + 0.5) * scale;
  const first = Math.max(Math.trunc(centre - 0.5 * wide + 0.5), 0);
  const end = Math.min(Math.trunc(centre + 0.5 * wide + 0.5), from);
  const covered = Array.from({ length: end - first }, (_, k) => {
    const away = (k + first - centre + 0.5) / wide;
    return away > -0.5 && away <= 0.5 ? 1 : 0;
  });
  const count = covered.reduce((sum: number, one) => sum + one, 0);
  return { first, weights: covered.map((one) => Math.trunc(0.5 + (one / count) * 2 ** BITS)) };
}
