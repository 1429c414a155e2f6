/** TensorFlow.js's own test suite on the backend that RAMPART_CONFORMANCE names: bundled, then run by jasmine. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import { engine } from '../../engines/index.ts';
import { tf } from '../../tensor/tf.ts';

tf.env().set('IS_TEST', true);
const name = process.env.RAMPART_CONFORMANCE;
await engine(name).init({ threads: 1, device: process.env.RAMPART_CONFORMANCE_DEVICE ?? 'cpu' });

// the suite resets TensorFlow.js before every group of specs and makes the backend anew; ours starts once per process
const started = tf.backend();
started.dispose = () => {};
tf.engine().registryFactory[tf.getBackend()].factory = () => started;

setTestEnvs([{ name, backendName: tf.getBackend(), flags: { WEBGL_VERSION: 0 }, isDataSync: true }]);
await import('@tensorflow/tfjs-core/dist/tests');
