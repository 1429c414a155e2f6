/** What a training cost, alone and with that of its helper. */
import { expect, test } from 'vitest';
import { factsSchema, newFacts, totalCost } from '../../../harness/train/facts.ts';

const facts = {
  ...newFacts(false),
  passes: { forward: 700, backward: 400 },
  optimizerSteps: 20,
  examples: 300,
  wallMs: 5000,
  split: { craftMs: 2000, updateMs: 1000, validateMs: 1500, dataMs: 100 },
};

test('images per second are those of the training without its validation', () => {
  expect(totalCost(facts)).toEqual({
    passes: { forward: 700, backward: 400 },
    optimizerSteps: 20,
    examples: 300,
    wallMs: 5000,
    imagesPerSecond: 300 / 3.5,
    split: facts.split,
  });
});

test("a helper's passes, steps and times are added, its images and their rate are not", () => {
  const helper = totalCost({
    ...newFacts(true),
    passes: { forward: 30, backward: 20 },
    optimizerSteps: 4,
    examples: 50,
    wallMs: 600,
    split: { craftMs: 10, updateMs: 200, validateMs: 300, dataMs: 5 },
  });
  expect(totalCost({ ...facts, helperCost: helper })).toEqual({
    passes: { forward: 730, backward: 420 },
    optimizerSteps: 24,
    examples: 300,
    wallMs: 5600,
    imagesPerSecond: 300 / 3.5,
    split: { craftMs: 2010, updateMs: 1200, validateMs: 1800, dataMs: 105 },
  });
});

test('what either stood still is told beside, and where neither did there is nothing to tell', () => {
  const stood = { ...facts, suspendedMs: 7000 };
  const helper = totalCost({ ...newFacts(true), wallMs: 600, suspendedMs: 100 });
  expect(helper.suspendedMs).toBe(100);
  expect(totalCost({ ...stood, helperCost: helper })).toMatchObject({ wallMs: 5600, suspendedMs: 7100 });
  expect(totalCost({ ...facts, helperCost: helper }).suspendedMs).toBe(100);
  expect(totalCost(stood)).toMatchObject({ wallMs: 5000, suspendedMs: 7000, imagesPerSecond: 300 / 3.5 });
  expect(totalCost({ ...facts, helperCost: totalCost(newFacts(true)) })).not.toHaveProperty('suspendedMs');
});

test('before the first epoch there is nothing, and a checkpoint can hold it', () => {
  for (const helper of [true, false]) {
    expect(factsSchema.parse(newFacts(helper))).toMatchObject({ helper, epochs: [], examples: 0, stopped: false, averageUpdates: 0 });
    expect(newFacts(helper).best).toBeUndefined();
  }
});
