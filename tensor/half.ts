/** IEEE half precision: 1 sign bit, 5 of exponent, 10 of fraction. */

/** The value of 16 bits. */
export function fromHalf(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const magnitude =
    exponent === 31
      ? fraction
        ? Number.NaN
        : Number.POSITIVE_INFINITY
      : exponent
        ? (1 + fraction / 1024) * 2 ** (exponent - 15)
        : fraction * 2 ** -24;
  return bits & 0x8000 ? -magnitude : magnitude;
}

/** The bits of the value that is nearest, of two equally near ones the one whose last bit is 0; infinity beyond 65,504. */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  let exponent = Math.max(-14, Math.floor(Math.log2(size)));
  // a logarithm is rounded
  if (2 ** exponent > size) exponent = Math.max(-14, exponent - 1);
  if (2 ** (exponent + 1) <= size) exponent++;
  // numbers below 2^-14 have its exponent; a fraction that is rounded up to 1 carries into the exponent
  return sign | (((exponent + 14) << 10) + toEven(size / 2 ** (exponent - 10)));
}

function toEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
