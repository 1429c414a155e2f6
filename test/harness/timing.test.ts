import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { defineAttack } from '../../attacks/attack.ts';
import fgsm from '../../attacks/fgsm.ts';
import noise from '../../attacks/noise.ts';
import pgd from '../../attacks/pgd.ts';
import transfer from '../../attacks/transfer.ts';
import type { TrainingDefense } from '../../defenses/defense.ts';
import pgdAt from '../../defenses/pgd-at.ts';
import standard from '../../defenses/standard.ts';
import { meanWithMargin, measureSteps, smallestRun, type TimingJob } from '../../harness/timing.ts';
import { multiplyAdds } from '../../models/graph/graph.ts';
import { architecture } from '../../models/index.ts';
import { tf } from '../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const job: TimingJob = {
  arch: 'cnn-small',
  inputShape: [8, 8, 3],
  classes: 4,
  batchSize: 4,
  rounds: 2,
  warmup: 1,
  threat: { norm: 'Linf', eps: 8 / 255 },
  standard: standard as TrainingDefense,
  defenses: [standard, pgdAt] as TrainingDefense[],
  attacks: [noise, fgsm, pgd, transfer],
  signal: new AbortController().signal,
};

/** Of one image through the network of `job`. */
const cost = () => ({
  multiplyAdds: multiplyAdds(architecture('cnn-small').graph({ inputShape: [8, 8, 3], classes: 4, mean: [0, 0, 0], std: [1, 1, 1] })),
});

test('mean and margin of error are those of Student, by hand', () => {
  const { mean, margin } = meanWithMargin([1, 3]);
  // two samples: s = sqrt 2, t = 12.706 with one degree of freedom
  expect(mean).toBe(2);
  expect(margin).toBeCloseTo(12.706, 10);
});

test('every step is reported, the standard one at ratio 1, with the passes it takes', async () => {
  const before = tf.memory().numTensors;
  const { measured, unmeasured } = await measureSteps(job);
  expect(unmeasured).toEqual([]);
  expect(measured.map((m) => `${m.kind} ${m.name}`)).toEqual([
    'defense standard',
    'defense pgd-at',
    'attack noise',
    'attack fgsm',
    'attack pgd',
    'attack transfer',
  ]);
  const by = new Map(measured.map((m) => [m.name, m]));
  expect(by.get('standard')).toMatchObject({ ratio: 1, marginOfError: 0, passes: { forward: 1, backward: 1 } });
  // a step is a forward and a backward pass of four images
  const { multiplyAdds } = cost();
  const standardStep = by.get('standard');
  expect(standardStep?.gflops).toBeCloseTo((4 * 2 * 2 * multiplyAdds) / 1e6 / (standardStep?.stepMs ?? 0), 6);
  expect(by.get('noise')?.passes).toEqual({ forward: 1, backward: 0 });
  expect(by.get('fgsm')?.passes).toEqual({ forward: 2, backward: 1 });
  // four steps and a last look, shared among the four
  expect(by.get('pgd')?.passes).toEqual({ forward: 1.25, backward: 1 });
  expect(by.get('transfer')?.passes).toEqual({ forward: 1.25, backward: 1 });
  expect(tf.memory().numTensors).toBe(before);
});

test('what cannot be measured is named with its reason, and the rest goes on', async () => {
  const broken = defineAttack({
    name: 'broken',
    title: 'Broken',
    paper: 'none',
    version: 1,
    access: 'gradient',
    norms: ['Linf'],
    params: z.strictObject({}),
    cost: () => ({ forward: 1, backward: 1 }),
    create: () => ({
      async perturb() {
        throw new Error('no such kernel');
      },
    }),
  });
  const { measured, unmeasured } = await measureSteps({ ...job, defenses: [standard as TrainingDefense], attacks: [broken, noise] });
  expect(measured.map((m) => m.name)).toEqual(['standard', 'noise']);
  expect(unmeasured).toEqual([{ kind: 'attack', name: 'broken', title: 'Broken', error: 'no such kernel' }]);
});

test('an attack without the norm of the threat is left out', async () => {
  const { measured } = await measureSteps({ ...job, threat: { norm: 'L1', eps: 1 }, defenses: [], attacks: [noise, fgsm] });
  expect(measured.map((m) => m.name)).toEqual(['standard', 'noise']);
});

test('the smallest run has few steps, one restart and one target', () => {
  expect(smallestRun(pgd)).toMatchObject({ params: { steps: 4, restarts: 1 }, steps: 4 });
  expect(smallestRun(fgsm)).toMatchObject({ steps: 1 });
});

test('an aborted run stops', async () => {
  await expect(measureSteps({ ...job, signal: AbortSignal.abort(new Error('stopped by the user')) })).rejects.toThrow(
    'stopped by the user',
  );
});
