/** What goes over the border to a model elsewhere: images of its shape, in the box. */
import { RampartError } from '../../errors.ts';
import type { Shape, tf } from '../../tensor/tf.ts';

/** Rounding of an attack's own arithmetic beyond the box. */
const BEYOND = 1e-5;

/** The numbers of `x` `[n,h,w,c]`. Throws in the model's `name` where images have another shape, or leave [0,1] by more than rounding; so does NaN. */
export function imagesToSend(x: tf.Tensor4D, shape: Shape, name: string): Float32Array {
  const values = x.dataSync() as Float32Array;
  if (x.shape.slice(1).join() === shape.join() && values.every((v) => v >= -BEYOND && v <= 1 + BEYOND)) return values;
  throw new RampartError(`[${name}] expected images [n, ${shape.join(', ')}] in [0,1], got others of shape [${x.shape.join(', ')}]`);
}
