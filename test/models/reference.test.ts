import { beforeAll } from 'vitest';
import { tf } from '../../tensor/tf.ts';
import { engineContract } from '../contract/engine.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

engineContract('cpu', { images: 16, logits: 1e-4, gradient: 1e-3 });
