import { beforeAll, expect, test } from 'vitest';
import apgdCe from '../../../../attacks/apgd-ce.ts';
import type { Attack, Batch, Threat } from '../../../../attacks/attack.ts';
import autoattack from '../../../../attacks/autoattack.ts';
import fab from '../../../../attacks/fab.ts';
import { membersOf } from '../../../../attacks/members.ts';
import { apgdStart, runToEnd } from '../../../../attacks/parts/apgd/apgd.ts';
import { smallestDistances } from '../../../../attacks/parts/fab/fab.ts';
import { crossEntropy } from '../../../../attacks/parts/losses.ts';
import { createTarget } from '../../../../attacks/target.ts';
import { Rng } from '../../../../tensor/rng.ts';
import { goldenBatch, goldenNetwork } from '../../../golden.ts';
import { startEngine } from '../../engine.ts';

beforeAll(startEngine);

const signal = new AbortController().signal;
const threat: Threat = { norm: 'Linf', eps: 4 / 255 };
const target = () => createTarget(goldenNetwork().freeze(), 'reference');

/** Whether each example is right after the attack, in passes of five. */
async function left(attack: Attack, batch: Batch): Promise<boolean[]> {
  const judge = target();
  const run = { rng: new Rng('cell'), signal, batchSize: 5, sources: new Map() };
  const adversarial = await attack.perturb(batch, judge, threat, run);
  const classes = judge.logits(adversarial).argMax(1).dataSync();
  return Array.from(batch.labels, (label, i) => classes[i] === label);
}

test('leaving at the first error breaks the same images as running to the end', async () => {
  const batch = goldenBatch(14);
  const rngs = Array.from(batch.ids, (id) => new Rng('cell').fork(id).fork(0));
  const start = apgdStart('Linf', batch.x, threat.eps, rngs);
  const options = { iterations: 12, rho: 0.75, eotIterations: 1, largerEps: false, signal };
  const { robust } = await runToEnd(target(), crossEntropy(batch.y), batch, start, threat, options);
  expect(robust).toContain(true);
  expect(robust).toContain(false);
  expect(await left(apgdCe.create(apgdCe.params.parse({ iterations: 12 })), batch)).toEqual(robust);
});

test('FAB breaks within the budget exactly the images whose smallest distance is within it', async () => {
  const batch = goldenBatch(10);
  const clean = target().logits(batch.x).argMax(1).dataSync();
  const options = { alphaMax: 0.1, eta: 1.05, beta: 0.9, iterations: 5, signal };
  const distances = await smallestDistances(target(), batch, undefined, 'Linf', options);
  const want = Array.from(batch.labels, (label, i) => clean[i] === label && (distances[i] as number) > threat.eps);
  expect(want).toContain(true);
  expect(await left(fab.create(fab.params.parse({ iterations: 5 })), batch)).toEqual(want);
});

test('averaging over draws of a classifier that is not random changes nothing but the passes', async () => {
  const batch = goldenBatch(4);
  const one = target();
  const three = target();
  const run = { rng: new Rng('cell'), signal, batchSize: 4, sources: new Map() };
  const params = { iterations: 3, rho: 0.75 };
  const a = await apgdCe.create(apgdCe.params.parse(params)).perturb(batch, one, threat, run);
  const b = await apgdCe.create(apgdCe.params.parse({ ...params, eotIterations: 3 })).perturb(batch, three, threat, run);
  expect(a.sub(b).abs().max().dataSync()[0]).toBeLessThan(1e-6);
  expect(three.passes).toEqual({ forward: 3 * one.passes.forward, backward: 3 * one.passes.backward });
});

test.each([
  ['standard', 'Linf', 10, 'apgd-ce apgd-t fab-t square'],
  ['plus', 'L2', 10, 'apgd-ce apgd-dlr fab square apgd-t fab-t'],
  ['rand', 'Linf', 10, 'apgd-ce apgd-dlr'],
  ['standard', 'Linf', 3, 'apgd-ce fab-t square'],
  ['plus', 'Linf', 2, 'apgd-ce fab square fab-t'],
] as const)('AutoAttack %s in %s with %d classes is %s', (version, norm, classes, want) => {
  const members = membersOf(autoattack, { version }, { norm, eps: 0.1 }, classes);
  expect(members.map((m) => m.label).join(' ')).toBe(want);
});

test('AutoAttack in L1 takes five restarts, five targets and the larger radii', () => {
  const [ce, t] = autoattack.members({ version: 'standard' }, { norm: 'L1', eps: 12 });
  expect(ce?.params).toMatchObject({ restarts: 5, largerEps: true, iterations: 100 });
  expect(t?.params).toMatchObject({ restarts: 1, targets: 5, largerEps: true });
});
