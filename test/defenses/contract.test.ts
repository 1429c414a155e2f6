import { beforeAll, describe } from 'vitest';
import { defenses } from '../../defenses/index.ts';
import { engine } from '../../engines/index.ts';
import { contract } from '../contract/defense.ts';

beforeAll(async () => {
  await engine('wasm').init({ threads: 1, device: 'cpu' });
});

/** Beside the defaults: the other bases. */
const variants: Record<string, Record<string, unknown>[]> = {
  loat: [{}, { variant: 'LORE', form: 'log', last: 1 }],
  morel: [{ base: 'trades' }, { base: 'mart' }, { base: 'loat', params: { theta: 0.5 } }],
  awp: [{}, { base: 'trades', gamma: 0.005 }, { base: 'free-at', params: { replays: 2 } }],
  'free-at': [{ replays: 2 }],
  elle: [{}, { adaptive: false, lambda: 1000 }],
};

/** Of those that do not keep to the radius of the threat: `standard` trains on the images, N-FGSM steps once from noise of two radii. */
const reach: Record<string, number> = { standard: 0, 'n-fgsm': 3 };

/** Images that a step passes forward and back beside those of its batch: LIET's grey one of each class, at every twentieth step. */
const beside: Record<string, number> = { liet: 2 };

for (const plugin of defenses)
  if (plugin.kind === 'training')
    for (const params of variants[plugin.name] ?? [{}])
      describe(`${plugin.name} ${JSON.stringify(params)}`, () =>
        contract(plugin, params, { reach: reach[plugin.name], beside: beside[plugin.name] }));
