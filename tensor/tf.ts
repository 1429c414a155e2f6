/** The only import of TensorFlow.js: everything else takes `tf` from here, so that there is one core and one set of kernels. */
export { tf } from '#tensorflow';

/** Height, width and channels of one image. */
export type Shape = readonly [height: number, width: number, channels: number];
