/** An attack that is run several times with other random numbers. */
import { expect, test } from 'vitest';
import { drawsOf } from '../../../harness/job/job.ts';
import { asOrdered } from '../../../harness/run/queue/protocol.ts';
import { planFor } from './plans.ts';

const PARTS = { defenses: 'defenses: [standard]', threats: 'threats: [{ norm: Linf, eps: [0.1, 0.2] }]' };

async function jobsOf(attacks: string) {
  const { plan } = await planFor({ ...PARTS, attacks });
  return plan.cells.slice(1).map((cell) => ({
    label: cell.label,
    eps: 'eps' in cell.threat ? cell.threat.eps : undefined,
    job: cell.job(
      () => 'w',
      (id) => id,
    ),
  }));
}

test('is so many attacks, each with a key and random numbers of its own; the first is the one that runs alone', async () => {
  const [once, thrice] = [
    await jobsOf('attacks: [{ name: pgd, label: p }]'),
    await jobsOf('attacks: [{ name: pgd, label: p, repeat: 3 }]'),
  ];
  expect(thrice.map(({ label, eps }) => `${label} ${eps}`)).toEqual([
    'p 0.1',
    'p 0.2',
    'p (draw 2) 0.1',
    'p (draw 2) 0.2',
    'p (draw 3) 0.1',
    'p (draw 3) 0.2',
  ]);
  expect(thrice.slice(0, 2).map(({ job }) => job.key)).toEqual(once.map(({ job }) => job.key));
  expect(thrice.slice(0, 2).map(({ job }) => drawsOf(job))).toEqual(once.map(({ job }) => drawsOf(job)));
  expect(new Set(thrice.map(({ job }) => job.key)).size).toBe(6);
  expect(new Set(thrice.map(({ job }) => drawsOf(job))).size).toBe(6);
  expect(asOrdered(thrice[4]?.job as never)).toMatchObject({ attack: { label: 'p (draw 3)', draw: 2 } });
});

test('a budget is part of the key and of no random number', async () => {
  const [free, limited] = [await jobsOf('attacks: [pgd]'), await jobsOf('attacks: [{ name: pgd, budget: 20 }]')];
  expect(limited[0]?.job.key).not.toBe(free[0]?.job.key);
  expect(drawsOf(limited[0]?.job as never)).toBe(drawsOf(free[0]?.job as never));
});
