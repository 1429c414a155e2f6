/** What is done to an image before it is classified: torchvision's Resize and CenterCrop, number by number. */
import { z } from 'zod';
import { RampartError } from '../../errors.ts';
import type { Image } from './image.ts';
import { INTERPOLATIONS, resize } from './resample.ts';

const side = z.number().int().min(1).max(4096);

export const preparationParams = {
  resize: z
    .union([side, z.tuple([side, side])])
    .optional()
    .describe('The shorter side after resizing, or [height, width]; images stay as they are unless given'),
  crop: side.optional().describe('The square cut from the middle after that; all of the image unless given'),
  interpolation: z.enum(INTERPOLATIONS).default('bilinear').describe('Of resizing, antialiased as in PIL'),
};

const preparationSchema = z.object(preparationParams);
export type Preparation = z.infer<typeof preparationSchema>;

/** Sides after resizing. The longer one is rounded down. */
function resizedSides({ width, height }: Image, to: NonNullable<Preparation['resize']>): [width: number, height: number] {
  if (typeof to !== 'number') return [to[1], to[0]];
  return width <= height ? [to, Math.floor((to * height) / width)] : [Math.floor((to * width) / height), to];
}

/** Where a window of `crop` pixels begins on a side; a half is rounded to the even number. Before the image where it is shorter: what is not there is black. */
function cropStart(side: number, crop: number): number {
  const spare = side - crop;
  if (spare < 0) return -Math.floor(-spare / 2);
  const down = Math.floor(spare / 2);
  return spare % 2 === 1 && down % 2 === 1 ? down + 1 : down;
}

function centreCrop({ width, height, pixels }: Image, crop: number): Image {
  const [left, top] = [cropStart(width, crop), cropStart(height, crop)];
  const out = new Uint8Array(crop * crop * 3);
  const [from, to] = [Math.max(0, left), Math.min(width, left + crop)];
  for (let y = Math.max(0, -top); y < crop && top + y < height; y++) {
    const row = pixels.subarray(((top + y) * width + from) * 3, ((top + y) * width + to) * 3);
    out.set(row, (y * crop + from - left) * 3);
  }
  return { width: crop, height: crop, pixels: out };
}

/** An image that would be larger than this after resizing is refused. */
const MOST_PIXELS = 1 << 26;

/** The image resized and cropped as told; `name` is for messages. */
export function prepare(image: Image, { resize: to, crop, interpolation }: Preparation, name: string): Image {
  let out = image;
  if (to !== undefined) {
    const [width, height] = resizedSides(image, to);
    if (width * height > MOST_PIXELS)
      throw new RampartError(`[data] ${name}: ${image.width}x${image.height} would become ${width}x${height}`);
    out = resize(image, width, height, interpolation);
  }
  return crop === undefined ? out : centreCrop(out, crop);
}
