/** TensorFlow.js where modules are bundled, as for a browser. */
import * as tf from '@tensorflow/tfjs';

// no advice to install another backend: engines are chosen here
tf.env().set('PROD', true);

export { tf };
