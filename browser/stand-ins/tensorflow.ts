/** TensorFlow.js with the wasm backend and the plain one that it borrows from, and nothing else of the whole package. */
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';

tf.env().set('PROD', true);

// where the worker has the script of the WebGPU backend too, that joins this one
(globalThis as { rampartTensorFlow?: typeof tf }).rampartTensorFlow = tf;

export { tf };
