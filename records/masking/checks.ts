/**
 * Signs that an attack fails for another reason than robustness, after Athalye et al. 2018 (arXiv 1802.00420), Carlini et al. 2019
 * (arXiv 1902.06705), Tramèr et al. 2020 (arXiv 2002.08347) and the checks of AutoAttack: the limits, each with its reason, and what a diagnosis says.
 */
import type { FlagName } from '../flags.ts';
import { mcnemar } from '../stats.ts';
import { answersAnew, type Measured, type Probes } from './diagnosis.ts';

/** From weak to strong. `unmeasured` is no answer. */
export type Outcome = 'unmeasured' | 'clear' | 'sign' | 'unreliable';

/** What one check says of one model. */
export interface Finding {
  /** The name of its flag. */
  readonly check: FlagName;
  readonly outcome: Outcome;
  /** What was measured, in words, with its figures. */
  readonly measured: string;
}

/** A share beyond which there is a sign, and one beyond which no figure of a gradient attack is to be relied on; `least` images in either. */
export interface Limit {
  readonly sign: number;
  readonly unreliable: number;
  readonly least: number;
}

/**
 * Of the images. 3 % of 64 are two of them: an honest model, whose iterated attack ends at random in one of many optima, gives up one or two at a
 * third trial; a tenth is what no attack of the same strength leaves to another. `docs/masking.md` has what honest models show.
 */
export const LIMITS = {
  'zero-gradient': { sign: 0, unreliable: 0.5, least: 1 },
  'saturated-loss': { sign: 0, unreliable: Number.POSITIVE_INFINITY, least: 1 },
  'vanishing-gradient': { sign: 0.1, unreliable: Number.POSITIVE_INFINITY, least: 2 },
  'misleading-gradient': { sign: 0.1, unreliable: 0.5, least: 2 },
  'one-step-beats-many': { sign: 0.03, unreliable: 0.2, least: 2 },
  'not-converged': { sign: 0.05, unreliable: Number.POSITIVE_INFINITY, least: 3 },
  'large-radius': { sign: 0.05, unreliable: 0.25, least: 2 },
  'not-monotone': { sign: 0.05, unreliable: 0.25, least: 3 },
  'queries-beat-gradients': { sign: 0.03, unreliable: 0.1, least: 3 },
} as const satisfies Partial<Record<FlagName, Limit>>;

/** Of the pairs of an image and a direction that tell something: kinks of ReLU cost an honest gradient a few of them. */
const AGREEMENT = { sign: 0.8, unreliable: 0.5 };

/** Neighbouring float32 numbers over the range of the logits: a step of an attack of 100 moves a logit by a hundredth of that, and ten such numbers are no slope. */
const RESOLUTION = 1e-3;

/** When a check of a diagnosis speaks, in words, for the report. */
export const LIMITS_TOLD: Readonly<Partial<Record<FlagName, string>>> = {
  'zero-gradient': 'any image; unreliable from half of them on',
  'saturated-loss': 'any image',
  'vanishing-gradient': 'over 10 % of the images',
  'coarse-logits': 'over a thousandth of their range',
  'random-answers': 'over 1e-4 of the largest logit',
  'gradient-mismatch': 'agreement in under 80 %; unreliable under 50 %',
  'no-gradients': 'nothing to compare in half of the directions: unreliable',
  'misleading-gradient': 'over 10 % of the images; unreliable from half of them on',
  'one-step-beats-many': 'over 3 % more; unreliable over 20 %',
  'not-converged': 'over 5 % more; side by side over 2 points per doubling, beyond chance',
  'large-radius': 'over 5 % of the images; unreliable over 25 %',
  'not-monotone': 'a rise of over 5 %; unreliable over 25 %',
  'queries-beat-gradients': 'over 3 % (side by side over 2 %), three images at least; unreliable over 10 %',
  'transfer-beats-gradients': 'over 2 %, three images at least; unreliable over 10 %',
};

/** Outcome of `count` of `n` images. */
export function judged(count: number, n: number, { sign, unreliable, least }: Limit): Outcome {
  if (n === 0) return 'unmeasured';
  if (count < least || !(count > sign * n)) return 'clear';
  return count > unreliable * n || (unreliable === 0.5 && 2 * count >= n) ? 'unreliable' : 'sign';
}

const countOf = (outcomes: string, wanted: string) => [...outcomes].filter((c) => c === wanted).length;

/** Every check that a diagnosis can answer. */
export function findingsOf(diagnosis: Measured): Finding[] {
  return [
    ...gradientFindings(diagnosis),
    randomFinding(diagnosis),
    differencesFinding(diagnosis),
    guideFinding(diagnosis),
    ...(diagnosis.probes ? probeFindings(diagnosis.probes, diagnosis.images.length) : []),
  ];
}

function gradientFindings({ gradients: { losses, resolution }, images }: Measured): Finding[] {
  const n = images.length;
  const { margin, ...others } = losses;
  const blind = margin?.zero ?? 0;
  const told = (of: 'zero' | 'vanishing') => {
    const list = Object.entries(others).filter(([, seen]) => seen[of] > (of === 'zero' ? blind : 0));
    return {
      most: Math.max(0, ...list.map(([, seen]) => seen[of])),
      text: list.map(([name, seen]) => `${name} on ${seen[of]}`).join(', '),
    };
  };
  const [zero, vanishing] = [told('zero'), told('vanishing')];
  return [
    {
      check: 'zero-gradient',
      outcome: judged(blind, n, LIMITS['zero-gradient']),
      measured: `the margin of the logits has no gradient on ${blind} of ${n} images`,
    },
    {
      check: 'saturated-loss',
      outcome: judged(zero.most, n, LIMITS['saturated-loss']),
      measured: zero.text === '' ? `every loss has one where the margin has, on ${n} images` : `no gradient of ${zero.text} of ${n} images`,
    },
    {
      check: 'vanishing-gradient',
      outcome: judged(vanishing.most, n, LIMITS['vanishing-gradient']),
      measured:
        vanishing.text === ''
          ? `none below a 1e12th of the margin's, on ${n} images`
          : `below a 1e12th of the margin's: ${vanishing.text} of ${n} images`,
    },
    {
      check: 'coarse-logits',
      outcome: resolution > RESOLUTION ? 'sign' : 'clear',
      measured: `logits are known to ${resolution.toPrecision(2)} of their range, in the median image`,
    },
  ];
}

function randomFinding({ repeats: { passes, spread, changed }, images, declaredRandom }: Measured): Finding {
  return {
    check: 'random-answers',
    outcome: answersAnew({ spread }) ? 'sign' : 'clear',
    measured: `${passes} answers to each of ${images.length} images differ by ${Number(spread.toPrecision(2))} of the largest logit, and in the class on ${changed}${
      answersAnew({ spread }) ? `; it ${declaredRandom ? 'says' : 'does not say'} that it is random` : ''
    }`,
  };
}

function differencesFinding({ differences, standIn }: Measured): Finding {
  const check = 'gradient-mismatch';
  if (!differences) return { check, outcome: 'unmeasured', measured: 'differences of a model that answers anew are those of its draws' };
  const { agree, decided, pairs, images } = differences;
  const measured = `agrees with finite differences in ${agree} of ${decided} directions that tell something, of ${pairs} at ${images} images`;
  if (standIn)
    return { check, outcome: 'unmeasured', measured: `${measured}; it is that of a stand-in for a step without one, as the defense says` };
  if (2 * decided < pairs)
    return { check: 'no-gradients', outcome: 'unreliable', measured: `logits change by no more than their rounding: ${measured}` };
  const outcome = agree < AGREEMENT.unreliable * decided ? 'unreliable' : agree < AGREEMENT.sign * decided ? 'sign' : 'clear';
  return { check, outcome, measured };
}

function guideFinding({ lines, images, threat }: Measured): Finding {
  const check = 'misleading-gradient';
  if (!lines) return { check, outcome: 'unmeasured', measured: `no gradient steps in ${threat.norm}` };
  return {
    check,
    outcome: judged(lines.overtaken, images.length, LIMITS[check]),
    measured: `a step of a quarter of the radius along the gradient raises the margin less than a random one on ${lines.overtaken} of ${images.length} images`,
  };
}

function probeFindings(probes: Probes, n: number): Finding[] {
  return [oneStepFinding(probes, n), convergenceFinding(probes, n), ...radiusFindings(probes, n), ...queriesFinding(probes, n)];
}

function oneStepFinding({ oneStep, manySteps }: Probes, n: number): Finding {
  const [one, many] = [oneStep.robust, manySteps.robust].map((robust) => countOf(robust, '0')) as [number, number];
  return {
    check: 'one-step-beats-many',
    outcome: judged(one - many, n, LIMITS['one-step-beats-many']),
    measured: `one step breaks ${one} of ${n} images, 40 steps break ${many}`,
  };
}

/** Points of accuracy that the last doubling of the steps took, and that another start took. */
function convergenceFinding({ survivors, manySteps, restart }: Probes, n: number): Finding {
  const [before, after] = survivors.slice(-2) as [[number, number], [number, number]];
  const slope = before[1] - after[1];
  const anew = countOf(manySteps.robust, '1') - countOf(restart.robust, '1');
  return {
    check: 'not-converged',
    outcome: judged(Math.max(slope, anew), n, LIMITS['not-converged']),
    measured: `from ${before[0]} to ${after[0]} steps ${slope} more of ${n} images break (${points(slope, n)} points per doubling), from another start ${anew}`,
  };
}

const points = (count: number, n: number) => ((100 * count) / n).toFixed(1);

function radiusFindings({ manySteps, radii }: Probes, n: number): Finding[] {
  const last = radii.at(-1);
  if (!last) return [];
  const curve = [manySteps, ...radii].map(({ eps, robust }) => ({ eps, right: countOf(robust, '1') }));
  const rise = Math.max(...curve.slice(1).map(({ right }, i) => right - (curve[i] as { right: number }).right));
  const told = curve.map(({ eps, right }) => `${right} at ${Number(eps.toPrecision(3))}`).join(', ');
  const left = countOf(last.robust, '1');
  return [
    {
      check: 'large-radius',
      outcome: judged(left, n, LIMITS['large-radius']),
      measured: `${left} of ${n} images stay right where the whole box is allowed`,
    },
    {
      check: 'not-monotone',
      outcome: judged(rise, n, LIMITS['not-monotone']),
      measured: `right of ${n} images, each radius by itself: ${told}`,
    },
  ];
}

function queriesFinding({ restart, queries }: Probes, n: number): Finding[] {
  if (!queries) return [];
  const found = countOf(restart.robust, '1') - countOf(queries.robust, '1');
  return [
    {
      check: 'queries-beat-gradients',
      outcome: judged(found, n, LIMITS['queries-beat-gradients']),
      measured: `200 queries break ${found} of ${n} images that 60 gradient steps left`,
    },
  ];
}

const ORDER: readonly Outcome[] = ['unmeasured', 'clear', 'sign', 'unreliable'];

export const worst = (outcomes: readonly Outcome[]): Outcome =>
  outcomes.reduce<Outcome>((most, one) => (ORDER.indexOf(one) > ORDER.indexOf(most) ? one : most), 'unmeasured');

/** Whether two attacks differ on the same images by more than chance: exact McNemar test, two-sided. */
export const beyondChance = (only: number, others: number): boolean => mcnemar(only, others) < 0.05;
