/** What the harness sees of a search by itself: on one-pixel images every distance and every pass is known by hand. */
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AttackPlugin, type AttackRun, defineAttack, type Target } from '../../../attacks/attack.ts';
import ddn from '../../../attacks/ddn.ts';
import fmn from '../../../attacks/fmn.ts';
import noise from '../../../attacks/noise.ts';
import pgd from '../../../attacks/pgd.ts';
import square from '../../../attacks/square.ts';
import { evaluate } from '../../../harness/evaluate/evaluate.ts';
import type { EvaluationData } from '../../../harness/evaluate/predict.ts';
import { tf } from '../../../tensor/tf.ts';
import { input, mover, pixels } from '../toy.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Asks about the image moved up by these steps, one pass after the other, and returns the image itself. */
function asks(steps: readonly number[], { perTurn = steps.length } = {}): AttackPlugin {
  return defineAttack({
    name: 'asks',
    title: 'Asks',
    paper: 'none',
    version: 1,
    access: 'decision',
    norms: ['Linf'],
    params: z.strictObject({}),
    cost: () => ({ forward: steps.length, backward: 0 }),
    create: () => ({
      async perturb(batch, target: Target, _, run: AttackRun) {
        for (const [i, step] of steps.entries()) {
          if (i % perTurn === 0) run.signal.throwIfAborted();
          const x = batch.x.add(step) as tf.Tensor4D;
          tf.dispose([target.decisions(x), x]);
        }
        return batch.x.clone();
      },
    }),
  });
}

// 102/255 = 0.4 and 0: the boundary is 0.1 and 0.5 away
const two = pixels(102, 0);

describe('with a budget', () => {
  test('what counts is the nearest error within radius and budget that was asked about, whatever the attack returns', async () => {
    const found = await evaluate(input(asks([0.3, 0.15, 0.05, 0.12]), two, { threat: { norm: 'Linf', eps: 0.2 }, budget: 3 }));
    // of 0.3, 0.15, 0.05 within the budget only 0.15 is an error in the ball; 0.12 comes too late
    expect(found.robust).toBe('01');
    expect(found.distances[0]).toBeCloseTo(0.15, 6);
    expect(found.distances[1]).toBe(0);
    expect(found.nearest).toEqual({ found: '10', distances: [0.15, 0] });
    expect(found.passes).toEqual({ forward: 6, backward: 0 });
    expect(found.overhead).toEqual({ forward: 2, backward: 0 });
    expect(found.flags).toEqual([]);
  });

  test('a search that looks at its signal is stopped once no example has anything left', async () => {
    const found = await evaluate(input(asks([0.3, 0.15, 0.05, 0.12, 0.11, 0.105], { perTurn: 1 }), two, { budget: 2 }));
    expect(found.passes).toEqual({ forward: 4, backward: 0 });
    // the pass beyond it that shows it
    expect(found.overhead).toEqual({ forward: 2, backward: 0 });
    expect(found.flags).toEqual([]);
  });

  test('points outside of the box count for nothing', async () => {
    const white = { ...pixels(102), classNames: [] } as EvaluationData;
    const found = await evaluate(input(asks([0.7, 0.5]), white, { threat: { norm: 'Linf', eps: 1 }, budget: 2 }));
    expect(found.nearest).toEqual({ found: '1', distances: [0.5] });
  });

  test('what an attack returns without having asked counts where it used no more than its budget', async () => {
    const far = { threat: { norm: 'Linf', eps: 0.2 } as const };
    expect((await evaluate(input(mover('moves', 1), two, { ...far, budget: 1 }))).robust).toBe('01');
    const spends = { ...asks([]), create: () => ({ perturb: asksTwiceAndMoves }) };
    expect((await evaluate(input(spends, two, { ...far, budget: 1 }))).robust).toBe('11');
    expect((await evaluate(input(spends, two, { ...far, budget: 2 }))).robust).toBe('01');
  });

  test('members of an ensemble share it', async () => {
    const first = asks([0.01, 0.02]);
    const second = { ...asks([0.11, 0.12]), name: 'second' };
    const ensemble = {
      name: 'both',
      title: 'Both',
      paper: 'none',
      version: 1,
      access: 'decision' as const,
      norms: ['Linf' as const],
      params: z.strictObject({}),
      members: () => [
        { attack: 'asks', params: {} },
        { attack: 'second', params: {} },
      ],
    };
    const lookup = (name: string) => (name === 'asks' ? first : second);
    const of = (budget: number) => evaluate(input(ensemble, two, { threat: { norm: 'Linf', eps: 0.2 }, budget, lookup }));
    expect((await of(2)).robust).toBe('11');
    expect((await of(2)).members?.map((m) => m.entered)).toEqual([2, 0]);
    expect((await of(3)).distances[0]).toBeCloseTo(0.11, 6);
    expect((await of(4)).distances[0]).toBeCloseTo(0.11, 6);
  });

  test.each<[AttackPlugin, Record<string, unknown>, number]>([
    [pgd, { steps: 3, restarts: 4 }, 9],
    [square, { queries: 5, restarts: 4 }, 7],
    [noise, { draws: 30 }, 11],
  ])('$0.name: neither outcomes nor passes depend on the batch size', async (attack, params, budget) => {
    const data = pixels(...Array.from({ length: 40 }, (_, i) => 60 + i));
    const of = async (batchSize: number) => {
      const more = { params: attack.params.parse(params), threat: { norm: 'Linf' as const, eps: 0.2 }, budget, batchSize };
      const { robust, distances, passes, nearest } = await evaluate(input(attack, data, more));
      return { robust, distances, passes, nearest };
    };
    const one = await of(1);
    expect(one.robust).toContain('0');
    expect(one.robust).toContain('1');
    expect(one.passes.forward + one.passes.backward).toBeLessThanOrEqual(40 * budget);
    expect(await of(7)).toEqual(one);
    expect(await of(64)).toEqual(one);
  });

  test('a resume has the same outcomes', async () => {
    const data = pixels(...Array.from({ length: 9 }, (_, i) => 70 + 5 * i));
    const more = { params: fmn.params.parse({ steps: 20 }), threat: { norm: 'L2' as const, eps: 0.15 }, budget: 16 };
    const states: Uint8Array[] = [];
    const whole = await evaluate(
      input(fmn, data, { ...more, checkpoint: { load: async () => undefined, save: async (s) => void states.push(s) } }),
    );
    const resumed = await evaluate(
      input(fmn, data, { ...more, checkpoint: { load: async (decode) => decode(states[1] as Uint8Array), save: async () => {} } }),
    );
    expect(resumed).toEqual({ ...whole, overhead: resumed.overhead, earlier: resumed.earlier });
    expect(resumed.nearest).toEqual(whole.nearest);
  });
});

async function asksTwiceAndMoves({ x }: { x: tf.Tensor4D }, target: Target): Promise<tf.Tensor4D> {
  tf.dispose([target.decisions(x), target.decisions(x)]);
  return x.add(0.15);
}

test.each([fmn, ddn])('of a search for the smallest perturbation the nearest errors are kept beyond the radius: $name', async (attack) => {
  const more = { params: attack.params.parse({ steps: 60 }), threat: { norm: 'L2' as const, eps: 0.2 } };
  const found = await evaluate(input(attack, two, more));
  expect(found.robust).toBe('01');
  expect(found.nearest?.found).toBe('11');
  for (const [i, distance] of [0.1, 0.5].entries()) {
    expect(found.nearest?.distances[i]).toBeGreaterThan(distance * 0.999);
    expect(found.nearest?.distances[i]).toBeLessThan(distance * 1.05);
  }
  expect(found.nearest?.distances[0]).toBe(found.distances[0]);
});

test('the image itself is the nearest error where it is wrong at first', async () => {
  const found = await evaluate(input(fmn, two, { params: fmn.params.parse({ steps: 3 }), clean: '01', cleanPredictions: [1, 0] }));
  expect(found.nearest?.found[0]).toBe('1');
  expect(found.nearest?.distances[0]).toBe(0);
});

test('an attack that stops at its first error and has no budget is not watched', async () => {
  expect((await evaluate(input(mover('moves', 1), two))).nearest).toBeUndefined();
});
