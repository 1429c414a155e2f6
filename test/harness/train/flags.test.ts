/** What is said of a training, from its log alone. */
import { expect, test } from 'vitest';
import { newFacts } from '../../../harness/train/facts.ts';
import { trainingFlags } from '../../../harness/train/flags.ts';
import type { Epoch } from '../../../records/record.ts';

/** Epochs with the accuracies under FGSM and PGD-10 that were validated; none where nothing was. */
const log = (...epochs: ([fgsm: number, pgd: number] | undefined)[]): Epoch[] =>
  epochs.map((found, epoch) => ({
    epoch,
    learningRate: 0.1,
    loss: 1,
    terms: {},
    trainAccuracy: 0.5,
    wallMs: 1,
    ...(found && { validationFgsm: found[0], validationPgd: found[1] }),
  }));

const flagged = (epochs: Epoch[], stopped = false, planned = 9) => trainingFlags({ ...newFacts(false), epochs, stopped }, planned);

test('a training that overfits to FGSM is told the first epoch at which it did', () => {
  const epochs = log([0.4, 0.35], undefined, [0.6, 0.3], [0.8, 0.1], [0.9, 0.02]);
  expect(flagged(epochs)).toEqual([
    { name: 'catastrophic-overfitting', detail: expect.stringMatching(/^at epoch 3 accuracy under PGD-10/) },
  ]);
  expect(flagged(epochs.slice(0, 3))).toEqual([]);
});

test('one that recovered later did so all the same', () => {
  expect(flagged(log([0.4, 0.35], [0.8, 0.1], [0.5, 0.4]))[0]?.detail).toMatch(/^at epoch 1 /);
});

test('half of the best is not under half, and what never was 10 % cannot fall', () => {
  expect(flagged(log([0.4, 0.5], [0.4, 0.25]))).toEqual([]);
  expect(flagged(log([0.4, 0.5], [0.4, 0.249]))).toHaveLength(1);
  expect(flagged(log([0.2, 0.1], [0.2, 0.04]))).toHaveLength(1);
  expect(flagged(log([0.2, 0.099], [0.2, 0.04]))).toEqual([]);
});

test('the best is the epoch of the highest PGD accuracy, the first of equal ones', () => {
  // FGSM fell against epoch 1, not against epoch 0
  expect(flagged(log([0.3, 0.4], [0.6, 0.5], [0.5, 0.1]))).toEqual([]);
  expect(flagged(log([0.6, 0.5], [0.3, 0.4], [0.5, 0.1]))).toEqual([]);
  expect(flagged(log([0.4, 0.5], [0.6, 0.5], [0.5, 0.1]))).toHaveLength(1);
});

test('one that was stopped says after which epoch of how many', () => {
  const [stop, ...more] = flagged(log([0.4, 0.3], [0.4, 0.3], [0.4, 0.3]), true, 30);
  expect(stop).toEqual({ name: 'early-stop', detail: 'stopped after epoch 2 of 30: no better validation' });
  expect(more).toEqual([]);
  expect(flagged(log([0.4, 0.35], [0.7, 0.02]), true).map((f) => f.name)).toEqual(['catastrophic-overfitting', 'early-stop']);
});
