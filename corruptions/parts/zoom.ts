/** The middle of an image, enlarged to its size: scipy's zoom with straight lines between pixels. */

type Floats = Float32Array | Float64Array;

/** `values` `[side,side,channels]` enlarged `factor` times around the middle; numbers of the kind that `Kind` makes. */
export function zoomed<T extends Floats>(values: T, side: number, factor: number, Kind: new (length: number) => T): T {
  const channels = values.length / (side * side);
  const taken = Math.ceil(side / factor);
  const top = Math.floor((side - taken) / 2);
  const made = rounded(taken * factor);
  const trim = Math.floor((made - side) / 2);
  const step = made > 1 ? (taken - 1) / (made - 1) : 1;
  const out = new Kind(values.length);
  const value = (y: number, x: number, channel: number) => values[((top + y) * side + top + x) * channels + channel] as number;
  const between = (i: number) => {
    const at = (i + trim) * step;
    const low = Math.min(Math.floor(at), taken - 1);
    return { low, high: Math.min(low + 1, taken - 1), part: at - low };
  };
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      const [y, x] = [between(row), between(column)];
      for (let c = 0; c < channels; c++) {
        const upper = value(y.low, x.low, c) * (1 - y.part) * (1 - x.part) + value(y.low, x.high, c) * (1 - y.part) * x.part;
        const lower = value(y.high, x.low, c) * y.part * (1 - x.part) + value(y.high, x.high, c) * y.part * x.part;
        out[(row * side + column) * channels + c] = upper + lower;
      }
    }
  return out;
}

/** To the nearest integer, halves to the even one. */
const rounded = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
