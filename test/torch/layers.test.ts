/** A training pass through each new kind of layer against PyTorch, on the engine that runs PyTorch's own kernels. */
import { beforeAll, describe, expect, test } from 'vitest';
import { torch } from '../../engines/torch/index.ts';
import { findBuilt } from '../../engines/torch/load.ts';
import { LAYERS, trainingPassBesidePytorch } from '../models/layer-graphs.ts';

describe.skipIf(!findBuilt())('on torch', () => {
  beforeAll(async () => {
    await torch.init({ threads: 1, device: 'cpu' });
  });

  test.each(Object.keys(LAYERS))('%s: loss and every gradient are those of PyTorch to 1e-5', (layer) => {
    for (const [what, apart] of Object.entries(trainingPassBesidePytorch(layer))) expect(apart, what).toBeLessThan(1e-5);
  });
});
