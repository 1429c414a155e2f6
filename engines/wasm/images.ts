/** Geometry of convolutions, and images with a border of zeros. */
import { tf } from '../../tensor/tf.ts';
import { native, type Pointer, scratch, type WasmBackend } from './memory.ts';

export type Info = tf.backend_util.Conv2DInfo;
export type Attrs = {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number;
  dataFormat: 'NHWC' | 'NCHW';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dilations?: [number, number] | number;
};

export const FLOAT = 4;

/** Sizes of a convolution of NHWC images. */
export function geometry(xShape: readonly number[], filterShape: readonly number[], attrs: Attrs): Info {
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
export interface Padded {
  readonly row: number;
  readonly pixel: number;
  at(image: number): Pointer;
}

/** Pixels of zeros above and to the left, and the least size of the whole. */
export interface Border {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

export function padded(b: WasmBackend, images: Pointer, [h, w, c]: readonly [number, number, number], border: Border): Padded {
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
export function forwardBorder(info: Info): Border {
  return {
    top: info.padInfo.top,
    left: info.padInfo.left,
    height: (info.outHeight - 1) * info.strideHeight + info.filterHeight,
    width: (info.outWidth - 1) * info.strideWidth + info.filterWidth,
  };
}

/** What our kernels leave to others. */
export function unsupported(info: Info): boolean {
  return info.dataFormat !== 'channelsLast' || info.dilationHeight !== 1 || info.dilationWidth !== 1;
}
