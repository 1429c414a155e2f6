/** Motion blur as ImageMagick computes it, to its 16 bits per value. */

export interface Motion {
  /** Pixels that a pixel is smeared over: twice this and one. */
  readonly radius: number;
  /** Of the Gaussian that its trace fades with. */
  readonly sigma: number;
  /** In degrees. */
  readonly angle: number;
}

/** `image` `[side,side,channels]` smeared to one side; beyond the border stands the border. */
export function motionBlur(image: Uint8Array, side: number, { radius, sigma, angle }: Motion): Uint8Array {
  const width = 2 * Math.ceil(radius) + 1;
  const channels = image.length / (side * side);
  const raw = Array.from({ length: width }, (_, i) => Math.exp(-(i * i) / (2 * sigma * sigma)));
  const sum = raw.reduce((total, weight) => total + weight, 0);
  const [along, across] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const trace = raw.map((weight, i) => ({ weight: weight / sum, x: Math.ceil(i * along - 0.5), y: Math.ceil(i * across - 0.5) }));
  const inside = (i: number) => Math.min(Math.max(i, 0), side - 1);
  return image.map((_, at) => {
    const [row, column, channel] = [Math.floor(at / (side * channels)), Math.floor(at / channels) % side, at % channels];
    let smeared = 0;
    for (const { weight, x, y } of trace)
      smeared += weight * 257 * (image[(inside(row + y) * side + inside(column + x)) * channels + channel] as number);
    return byteOf(Math.floor(smeared + 0.5));
  });
}

/** A value of 16 bits as one of 8, rounded down. */
const byteOf = (quantum: number): number => Math.floor(quantum / 257);
