/** A training pass through each new kind of layer against PyTorch, on the engines that are always there. */
import { beforeAll, describe, expect, test } from 'vitest';
import { chooseEngine } from '../../engines/choose.ts';
import { LAYERS, trainingPassBesidePytorch } from './layer-graphs.ts';

describe.each(['cpu', 'wasm'])('on %s', (engine) => {
  beforeAll(async () => {
    await chooseEngine(engine, { threads: 1 });
  });

  test.each(Object.keys(LAYERS))('%s: loss and every gradient are those of PyTorch to 1e-5', (layer) => {
    for (const [what, apart] of Object.entries(trainingPassBesidePytorch(layer))) expect(apart, what).toBeLessThan(1e-5);
  });
});
