/** Short attacks from the images themselves, each without what another broke: one step, many, another start, queries, and growing radii. */
import { mayAsk, type Threat } from '../../attacks/attack.ts';
import type { Probes } from '../../records/masking/diagnosis.ts';
import { norm } from '../../tensor/norms/index.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import { addUp, type Found, type Patient } from './subject.ts';

/** Steps of the long run, of a quarter of the radius each; survivors are noted at half and at a quarter of it too. */
const STEPS = 40;

/** Of the runs at other radii, and of another start. */
const FEW_STEPS = 20;

/** Square's queries, its schedule squeezed into them. */
const QUERIES = 200;

/** Radii beyond the threat's, in equal ratios, the last one that of the whole box. */
const RADII = 3;

/** Passes over which a gradient of a random model is averaged. */
const AVERAGED = 4;

type Probe = Probes['oneStep'];

/** Everything there is an attack for in the norm of the threat; the margin is climbed, which no scale of the logits hides. */
export async function runProbes(patient: Patient): Promise<Found<Probes>> {
  const spent: { forward: number; backward: number }[] = [];
  const run = async (use: string, name: string, params: object, { eps, left }: { eps?: number; left?: string } = {}) => {
    const threat: Threat = { norm: patient.threat.norm, eps: eps ?? patient.threat.eps };
    const attack = patient.lookup(name);
    const found = await evaluate({
      ...patient,
      attack,
      params: attack.params.parse(params),
      threat,
      clean: left ?? '1'.repeat(patient.data.n),
      rng: patient.rng.fork(use),
      sources: new Map(),
      isPart: true,
    });
    spent.push(found.passes);
    return found;
  };
  const eotIterations = patient.classifier.randomized ? AVERAGED : 1;
  const climb = (steps: number, eps: number) => ({ steps, stepSize: eps / 4, loss: 'margin', eotIterations });
  const { eps } = patient.threat;
  const probe = (robust: string, at = eps): Probe => ({ eps: at, robust });

  const one = await run('one step', 'pgd', { ...climb(1, eps), stepSize: eps, randomStart: false });
  const many = await run('many steps', 'pgd', climb(STEPS, eps));
  const restart = await run('restart', 'pgd', climb(FEW_STEPS, eps), { left: many.robust });
  const asks = patient.lookup('square');
  const queries = asks.norms.includes(patient.threat.norm) && mayAsk(asks.access, patient.classifier.access);
  const asked = queries ? await run('queries', 'square', { queries: QUERIES, rescale: true }, { left: restart.robust }) : undefined;
  const radii: Probe[] = [];
  for (const radius of radiiBeyond(patient)) {
    const wide = await run(`radius ${radius}`, 'pgd', climb(FEW_STEPS, radius), { eps: radius });
    radii.push(probe(wide.robust, radius));
  }
  const value: Probes = {
    oneStep: probe(one.robust),
    manySteps: probe(many.robust),
    survivors: survivorsAt([STEPS / 4, STEPS / 2, STEPS], many.survivors ?? [], many.robust),
    restart: probe(restart.robust),
    ...(asked && { queries: probe(asked.robust) }),
    radii,
  };
  return { value, passes: addUp(spent) };
}

/** In equal ratios from the threat's radius to the distance of two corners of the box; none where that is no larger. */
function radiiBeyond({ threat, data }: Patient): number[] {
  const whole = norm(threat.norm).ofOnes(data.shape.reduce((a, b) => a * b, 1));
  if (!(threat.eps > 0 && whole > threat.eps)) return [];
  return Array.from({ length: RADII }, (_, k) => Number((threat.eps * (whole / threat.eps) ** ((k + 1) / RADII)).toPrecision(6)));
}

/** What a staircase of survivors says at these steps; the end is what was judged. */
function survivorsAt(steps: readonly number[], stairs: readonly (readonly [number, number])[], robust: string): [number, number][] {
  const right = [...robust].filter((r) => r === '1').length;
  return steps.map((step, i) => {
    if (i === steps.length - 1) return [step, right];
    const known = stairs.filter(([at]) => at <= step).at(-1)?.[1];
    return [step, Math.max(known ?? robust.length, right)];
  });
}
