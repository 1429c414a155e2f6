/** An evaluation in parts is the evaluation in one piece: for every attack, for a random classifier, wherever it is cut. */
import { beforeAll, describe, expect, test } from 'vitest';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import type { Evaluation, EvaluationInput, EvaluationPart } from '../../../harness/evaluate/evaluation.ts';
import { partOf } from '../../../harness/evaluate/parts.ts';
import type { ImageRange } from '../../../records/shard.ts';
import { Rng } from '../../../tensor/rng.ts';
import { tf } from '../../../tensor/tf.ts';
import { brokenBy, cases, FEW, linear, N, random, run, several } from './few-steps.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Neighbouring ranges of 1 to 60 of the examples, of sizes that belong to the seed. */
function ranges(seed: string): ImageRange[] {
  const sizes = new Rng(seed).uniform(N, 1, 61);
  const found: ImageRange[] = [];
  for (let from = 0; from < N; from += found.at(-1)?.count ?? 0)
    found.push({ from, count: Math.min(Math.floor(sizes[found.length] as number), N - from) });
  return found;
}

/** Of a part, once it has ended. */
async function part(input: EvaluationInput, range: ImageRange): Promise<EvaluationPart> {
  let last: Uint8Array | undefined;
  const save = async (state: Uint8Array) => {
    last = state;
  };
  await evaluate({ ...partOf(input, range), checkpoint: { load: async () => undefined, save } });
  return { range, state: { load: async (decode) => last && decode(last) } };
}

async function inParts(input: EvaluationInput, all: readonly ImageRange[]): Promise<Evaluation> {
  const parts: EvaluationPart[] = [];
  // whichever worker is first
  for (const range of [...all].reverse()) parts.push(await part(input, range));
  return evaluate({ ...input, parts });
}

/** What is fitted to the model on a few images of the cell is not cut. */
const cuttable = cases.filter(({ plugin }) => !('few' in plugin && plugin.few));

describe.each([
  { kind: 'a fixed classifier', make: linear },
  { kind: 'a random classifier', make: random },
])('$kind', ({ kind, make }) => {
  test.each(cuttable)(
    '$label: outcomes, passes, survivors, members, flags and kept examples are those of one piece',
    async ({ label, plugin }) => {
      const whole = await run(plugin, FEW[label] ?? {}, make, 64);
      expect(whole.result.robust).toMatch(brokenBy(plugin));
      expect(whole.result.examples?.ids.length).toBeGreaterThan(0);
      const cut = ranges(`${kind} ${label}`);
      expect(cut.length).toBeGreaterThan(1);
      expect((await run(plugin, FEW[label] ?? {}, make, 64, (input) => inParts(input, cut))).result).toEqual(whole.result);
    },
  );
});

test('what a smaller radius broke is not attacked again in any part', async () => {
  const smaller = {
    eps: 0.006,
    ...(await run(several, {}, linear, 64, (input) => evaluate({ ...input, threat: { norm: 'Linf', eps: 0.006 } }))).result,
  };
  const whole = await run(several, {}, linear, 64, (input) => evaluate({ ...input, smaller }));
  expect(whole.result.members?.[0]?.entered).toBeLessThan([...whole.result.clean.robust].filter((r) => r === '1').length);
  expect((await run(several, {}, linear, 64, (input) => inParts({ ...input, smaller }, ranges('smaller')))).result).toEqual(whole.result);
});

test('parts that leave an example out, have one twice, or are not ended are refused', async () => {
  const refused = (change: (parts: EvaluationPart[]) => EvaluationPart[]) =>
    run(several, {}, linear, 64, async (input) => {
      const parts = [await part(input, { from: 0, count: 100 }), await part(input, { from: 100, count: N - 100 })];
      return evaluate({ ...input, parts: change(parts) });
    });
  await expect(refused((parts) => parts.slice(0, 1))).rejects.toThrow('[evaluation] expected parts of 135 examples, got 100');
  await expect(refused(([one, two]) => [one, one, two] as EvaluationPart[])).rejects.toThrow(
    'expected a part from example 100, got one from 0',
  );
  const absent = { load: async () => undefined };
  await expect(refused(([one, two]) => [one, { ...two, state: absent }] as EvaluationPart[])).rejects.toThrow(
    'the part of examples 100 to 134 is not there',
  );
  // it goes on in the background, and is waited for: the tensors of the next test are counted
  let ended: Promise<unknown> = Promise.resolve();
  const begun = (input: EvaluationInput) =>
    new Promise<EvaluationPart>((resolve) => {
      const range = { from: 100, count: N - 100 };
      const save = async (state: Uint8Array) => resolve({ range, state: { load: async (decode) => decode(state) } });
      ended = evaluate({ ...partOf({ ...input, batchSize: 4 }, range), checkpoint: { load: async () => undefined, save } });
    });
  await expect(
    run(several, {}, linear, 64, async (input) =>
      evaluate({ ...input, parts: [await part(input, { from: 0, count: 100 }), await begun(input)] }),
    ),
  ).rejects.toThrow('the part of examples 100 to 134 is not there');
  await ended;
});

test('what each example has used of a budget is its own in any part', async () => {
  const limited = (input: EvaluationInput): EvaluationInput => ({ ...input, budget: 14 });
  const whole = await run(several, {}, linear, 64, (input) => evaluate(limited(input)));
  expect(whole.result.nearest?.found).toMatch(/01|10/);
  const cut = await run(several, {}, linear, 64, (input) => inParts(limited(input), ranges('budget')));
  expect(cut.result).toEqual(whole.result);
});
