/** The only import of TensorFlow.js: everything else takes `tf` from here, so that there is one core and one set of kernels. */
import * as tf from '@tensorflow/tfjs';

// no advice to install another backend: engines are chosen here
tf.env().set('PROD', true);

export { tf };

/** Height, width and channels of one image. */
export type Shape = readonly [height: number, width: number, channels: number];
