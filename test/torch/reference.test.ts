/** Skipped, with a line, where the engine is not built. */
import { beforeAll, describe } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { engineContract } from '../contract/engine.ts';
import { testDevice } from './device.ts';

describe.skipIf(!findBuilt())('the torch engine', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: testDevice });
  });

  engineContract('torch', { images: 64, logits: 1e-4, gradient: 1e-4 });
});
