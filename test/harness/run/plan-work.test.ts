/** How much work a plan expects, by hand: passes times images, and multiply-adds of the networks. */
import { expect, test } from 'vitest';
import { flops, type Plan, type Planned, priorities } from '../../../harness/run/plan.ts';
import { planFor } from './plans.ts';

const cellOf = (plan: Plan, label: string) => plan.cells.find((c) => c.label === label) as Plan['cells'][number];

test('a floating point operation is half of a multiply-add, in every pass forward and backward', () => {
  expect(flops({ passes: { forward: 3, backward: 2 }, multiplyAdds: 7 })).toBe(70);
});

test('a cell costs the passes of its attack on each of its images, a clean one a forward pass', async () => {
  const { plan } = await planFor({ defenses: 'defenses: [standard]', attacks: 'attacks: [{ name: pgd, steps: 3, restarts: 2, n: 10 }]' });
  expect(cellOf(plan, 'clean').work.passes).toEqual({ forward: 40, backward: 0 });
  // each of two restarts looks before, between and after its three steps
  expect(cellOf(plan, 'pgd').work.passes).toEqual({ forward: 10 * 2 * 4, backward: 10 * 2 * 3 });
});

test('a look for masked gradients is planned beside the clean accuracy, on an eighth of the images, but no fewer than 16 and no more than 64', async () => {
  const looked = async (diagnosis: string, test: number) => {
    const { plan } = await planFor({
      datasets: `datasets: [{ name: shapes, train: 300, test: ${test} }]`,
      defenses: 'defenses: [standard]',
      diagnosis: `diagnosis: ${diagnosis}`,
    });
    const clean = cellOf(plan, 'clean');
    return {
      images: clean.job(
        () => '',
        () => '',
      ).diagnosis,
      forward: clean.work.passes.forward,
      key: clean.job(
        () => '',
        () => '',
      ).key,
    };
  };
  const off = await looked('off', 400);
  expect(off).toMatchObject({ images: undefined, forward: 400 });
  expect(await looked('auto', 40)).toMatchObject({ images: 16, forward: 40 + 16 * 360 });
  const auto = await looked('auto', 400);
  expect(auto).toMatchObject({ images: 50, forward: 400 + 50 * 360 });
  expect(await looked('auto', 2000)).toMatchObject({ images: 64 });
  expect(await looked('100', 40)).toMatchObject({ images: 100, forward: 40 + 40 * 360 });
  // what is measured beside it makes it another cell
  expect(auto.key).not.toBe(off.key);
  expect((await looked('50', 400)).key).toBe(auto.key);
});

test('an ensemble costs what its members cost, each once', async () => {
  const names = ['apgd-ce', 'apgd-t', 'fab-t', 'square'];
  const { plan } = await planFor({
    threats: 'threats: [{ norm: Linf, eps: 8/255 }]',
    attacks: 'attacks: [{ name: autoattack, n: 2 }]',
    defenses: 'defenses: [standard]',
  });
  const { registry } = await planFor();
  const ensemble = registry.attack('autoattack');
  if (!('members' in ensemble)) throw new Error('autoattack is an ensemble');
  const members = ensemble.members(ensemble.params.parse({}), { norm: 'Linf', eps: 8 / 255 });
  expect(members.map((m) => m.attack)).toEqual(names);
  const costs = members.map((m) => {
    const plugin = registry.attack(m.attack);
    if ('members' in plugin) throw new Error('no ensemble in an ensemble');
    return plugin.cost(plugin.params.parse(m.params), 10, 'Linf');
  });
  expect(cellOf(plan, 'autoattack').work.passes).toEqual({
    forward: 2 * costs.reduce((sum, c) => sum + c.forward, 0),
    backward: 2 * costs.reduce((sum, c) => sum + c.backward, 0),
  });
});

test('a wrapper trains nothing and costs the multiply-adds of what it wraps', async () => {
  const { plan } = await planFor({ defenses: 'defenses: [standard, jpeg]' });
  const [base, wrapped] = plan.models;
  expect(wrapped?.work).toEqual({ passes: { forward: 0, backward: 0 }, multiplyAdds: base?.work.multiplyAdds });
  expect(base?.work.multiplyAdds).toBeGreaterThan(0);
});

test('a job weighs its own work and the heaviest chain that waits for it', async () => {
  const { plan } = await planFor({
    threats: 'threats: [{ norm: Linf, eps: [0.1, 0.2] }]',
    defenses: 'defenses: [standard]',
    attacks: 'attacks: [fgsm, { name: pgd, steps: 9 }]',
  });
  const weight = priorities(plan);
  const of = (p: Planned | undefined) => weight.get(p?.id ?? '') ?? Number.NaN;
  const own = (p: Planned | undefined) => (p ? flops(p.work) : Number.NaN);
  const [clean, fgsmSmall, fgsmLarge, pgdSmall, pgdLarge] = plan.cells;
  expect(of(pgdLarge)).toBe(own(pgdLarge));
  expect(of(fgsmLarge)).toBe(own(fgsmLarge));
  expect(of(fgsmSmall)).toBe(own(fgsmSmall) + own(fgsmLarge));
  expect(of(pgdSmall)).toBe(own(pgdSmall) + own(pgdLarge));
  expect(of(clean)).toBe(own(clean) + of(pgdSmall));
  expect(of(plan.models[0])).toBe(own(plan.models[0]) + of(clean));
});
