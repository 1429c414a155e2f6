/** What C++ and TypeScript both write down is compared when the addon loads. */
import { describe, expect, test } from 'vitest';
import { disagreements, FROZEN_KINDS, TRAINING_KINDS } from '../../engines/torch/agree.ts';
import { BINARY, type Ops, UNARY } from '../../engines/torch/binding.ts';
import { findBuilt, loadBinding } from '../../engines/torch/load.ts';

describe.skipIf(!findBuilt())('the addon', () => {
  const { ops, shared } = findBuilt() ? loadBinding(1).binding : ({} as ReturnType<typeof loadBinding>['binding']);

  test('agrees with this code', () => {
    expect(disagreements({ ops, shared })).toEqual([]);
    expect(Object.keys(ops)).toEqual(expect.arrayContaining([...UNARY, ...BINARY, 'signStep', 'trainForward']));
  });

  test('with an operation less or more is refused by its name', () => {
    const { signStep, ...fewer } = ops;
    expect(disagreements({ ops: fewer, shared })).toEqual(['operations that it lacks: signStep']);
    expect(disagreements({ ops: { ...ops, leap: signStep } as Partial<Ops>, shared })).toEqual([
      'operations that are not known here: leap',
    ]);
  });

  test('with other codes for nodes is refused, and so is one that names none', () => {
    const swapped = ['affine', 'input', ...FROZEN_KINDS.slice(2)];
    expect(disagreements({ ops, shared: { ...shared, frozenKinds: swapped } })).toEqual([
      `frozenKinds: expected ${JSON.stringify(FROZEN_KINDS)}, got ${JSON.stringify(swapped)}`,
    ]);
    expect(disagreements({ ops, shared: { ...shared, batchNormEps: 1e-3 } })).toEqual(['batchNormEps: expected 0.00001, got 0.001']);
    expect(disagreements({ ops })).toHaveLength(4);
    expect(disagreements({ ops })[1]).toBe(`trainingKinds: expected ${JSON.stringify(TRAINING_KINDS)}, got none`);
  });
});
