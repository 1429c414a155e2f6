/** No result depends on how many examples share a pass: not for any attack, not for a random classifier. */
import { beforeAll, describe, expect, test } from 'vitest';
import { attack as attackNamed } from '../../../attacks/index.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import type { EvaluationInput } from '../../../harness/evaluate/evaluation.ts';
import { tf } from '../../../tensor/tf.ts';
import { brokenBy, cases, FEW, linear, random, run, several } from './few-steps.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const SMALL = 7;
const LARGER = [64, 128];

describe.each([
  { kind: 'a fixed classifier', make: linear },
  { kind: 'a random classifier', make: random },
])('$kind', ({ make }) => {
  test.each(cases)('$label: outcomes, passes and survivors are the same in passes of 7, 64 and 128', async ({ plugin }) => {
    const small = await run(plugin, FEW[plugin.name] ?? {}, make, SMALL);
    expect(small.result.robust).toMatch(brokenBy(plugin));
    for (const size of LARGER) expect((await run(plugin, FEW[plugin.name] ?? {}, make, size)).result).toEqual(small.result);
  });
});

test('what runs ahead, because passes would be nearly empty, is counted apart', async () => {
  const [small, large] = [
    await run(attackNamed('apgd-t'), { iterations: 3 }, random, 7),
    await run(attackNamed('apgd-t'), { iterations: 3 }, random, 64),
  ];
  expect(small.overhead.forward).toBeGreaterThan(0);
  expect(large.overhead).not.toEqual(small.overhead);
});

test('an evaluation of a random classifier that is killed after any batch ends with the same result', async () => {
  const whole = await run(several, {}, random, 7);
  const states: Uint8Array[] = [];
  const saving = { load: async () => undefined, save: async (state: Uint8Array) => void states.push(state) };
  await run(several, {}, random, 7, (input) => evaluate({ ...input, checkpoint: saving }));
  // eight passes of 7 make a batch of an attack that fills its own
  expect(states.length).toBeGreaterThan(6);
  for (const state of [states[0], states[3], states[5]]) {
    const checkpoint: EvaluationInput['checkpoint'] = { load: async (decode) => state && decode(state), save: async () => {} };
    expect((await run(several, {}, random, 7, (input) => evaluate({ ...input, checkpoint }))).result).toEqual(whole.result);
  }
});
