/** The cosine transform of 8 x 8 blocks in whole numbers, Loeffler et al. 1989, with the constants of the Independent JPEG Group's accurate one. */

/** 8192 times the cosines, on sums (even rows) and differences (odd rows) of values that mirror each other; their last digits are those that its sums of rounded constants give. */
const BASIS: readonly (readonly [number, number, number, number])[] = [
  [8192, 8192, 8192, 8192],
  [11363, 9633, 6437, 2260],
  [10703, 4433, -4433, -10703],
  [9633, -2259, -11362, -6436],
  [8192, -8192, -8192, 8192],
  [6437, -11362, 2261, 9633],
  [4433, -10704, 10704, -4433],
  [2260, -6436, 9633, -11363],
];

/** Rounded to a multiple of 2^bits, which is taken out. */
const descaled = (x: number, bits: number): number => Math.floor((x + 2 ** (bits - 1)) / 2 ** bits);

type Line = (block: Int32Array, start: number, stride: number, bits: number) => void;

const forwardLine: Line = (block, start, stride, bits) => {
  const sums = [0, 0, 0, 0];
  const differences = [0, 0, 0, 0];
  for (let i = 0; i < 4; i++) {
    const [near, far] = [block[start + i * stride] as number, block[start + (7 - i) * stride] as number];
    sums[i] = near + far;
    differences[i] = near - far;
  }
  for (let k = 0; k < 8; k++) {
    const [a, b, c, d] = BASIS[k] as (typeof BASIS)[number];
    const [p, q, r, s] = (k % 2 === 0 ? sums : differences) as [number, number, number, number];
    block[start + k * stride] = descaled(a * p + b * q + c * r + d * s, bits);
  }
};

const inverseLine: Line = (block, start, stride, bits) => {
  const even = [0, 0, 0, 0];
  const odd = [0, 0, 0, 0];
  for (let k = 0; k < 8; k++) {
    const given = block[start + k * stride] as number;
    const sums = k % 2 === 0 ? even : odd;
    for (let i = 0; i < 4; i++) sums[i] = (sums[i] as number) + ((BASIS[k] as (typeof BASIS)[number])[i] as number) * given;
  }
  for (let i = 0; i < 4; i++) {
    block[start + i * stride] = descaled((even[i] as number) + (odd[i] as number), bits);
    block[start + (7 - i) * stride] = descaled((even[i] as number) - (odd[i] as number), bits);
  }
};

function pass(line: Line, block: Int32Array, along: 'rows' | 'columns', bits: number): void {
  for (let i = 0; i < 8; i++) line(block, along === 'rows' ? 8 * i : i, along === 'rows' ? 1 : 8, bits);
}

/** 64 samples, in place, to 8 times their coefficients. */
export function forward(block: Int32Array): void {
  pass(forwardLine, block, 'rows', 11);
  pass(forwardLine, block, 'columns', 15);
}

/** 64 coefficients, in place, to samples. */
export function inverse(block: Int32Array): void {
  pass(inverseLine, block, 'columns', 11);
  pass(inverseLine, block, 'rows', 18);
}
