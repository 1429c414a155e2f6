/** TensorFlow.js's plain JavaScript backend: slow, exact, for tests. */
import { tf } from '../tensor/tf.ts';
import type { Engine } from './engine.ts';

export const cpu: Engine = {
  name: 'cpu',
  title: 'plain JavaScript',
  rank: 0,
  async probe() {
    return { usable: true, detail: 'always there' };
  },
  async init({ threads }) {
    await tf.setBackend('cpu');
    await tf.ready();
    return { name: 'cpu', version: tf.version_core, device: 'cpu', threads, details: {}, warnings: [] };
  },
  async devices() {
    return ['cpu'];
  },
};
