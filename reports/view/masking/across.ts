/** Signs of masked gradients that the attacks of a table show beside each other, image by image, whatever the order in which they ran. */
import type { FlagName } from '../../../records/flags.ts';
import { beyondChance, type Finding, judged, type Limit } from '../../../records/masking/checks.ts';
import type { CellRecord } from '../../../records/record.ts';
import { canonical } from '../../../records/slug.ts';
import { commonImages, outcomesOn, rightOn } from '../images.ts';
import { isBounded, isDone } from '../view.ts';

/**
 * Of the images that the attacks have in common. 2 % is what two attacks of one strength differ by at random on some hundred images; what one of
 * them breaks alone counts from three images on, and a tenth is more than any attack by gradients leaves to one without.
 */
const ALONE: Limit = { sign: 0.02, unreliable: 0.1, least: 3 };

/** Points of accuracy: the same, for the difference of two attacks, which must be beyond chance too. */
const MORE = 0.02;

/** Steps of all restarts together from which on an attack should have ended. */
const ENOUGH_STEPS = 20;

const inWords = (findings: readonly Finding[]): Finding[] => findings.filter(({ outcome }) => outcome !== 'unmeasured');

/** Every check that the cells of one model in one threat can answer. */
export function acrossCells(cells: readonly CellRecord[]): Finding[] {
  const done = cells.filter(isDone).filter(isBounded);
  const gradient = done.filter(({ attack }) => attack.access === 'gradient');
  const many = gradient.filter(isIterated);
  const one = gradient.filter((cell) => !isIterated(cell) && cell.attack.role === undefined && cell.passes.backward > 0);
  const by = (...access: string[]) => done.filter(({ attack }) => access.includes(attack.access) && attack.role === undefined);
  return inWords([
    ...alone('queries-beat-gradients', by('scores', 'decision'), many),
    ...alone('transfer-beats-gradients', by('transfer'), many),
    ...oneStep(one, many),
    ...convergence(many),
  ]);
}

/** More backward passes than images: it took a second step somewhere. */
const isIterated = ({ passes, n }: CellRecord): boolean => passes.backward > n;

/** What attacks without gradients broke alone. */
function alone(check: FlagName, others: readonly CellRecord[], gradient: readonly CellRecord[]): Finding[] {
  if (gradient.length === 0) return [];
  return others.map((other) => {
    const images = commonImages([other, ...gradient]);
    const [own, ...rest] = [other, ...gradient].map((cell) => outcomesOn(images, cell)) as [string, ...string[]];
    const count = [...own].filter((r, i) => r === '0' && rest.every((outcomes) => outcomes[i] === '1')).length;
    return {
      check,
      outcome: judged(count, images.length, ALONE),
      measured: `${other.attack.label} breaks ${count} of ${images.length} images that ${gradient.map(({ attack }) => attack.label).join(', ')} left`,
    };
  });
}

/** Images that only one of two attacks broke. */
function compared(a: CellRecord, b: CellRecord) {
  const images = commonImages([a, b]);
  const [left, right] = [outcomesOn(images, a), outcomesOn(images, b)];
  const only = (mine: string, other: string) => [...mine].filter((r, i) => r === '0' && other[i] === '1').length;
  return { n: images.length, onlyA: only(left, right), onlyB: only(right, left) };
}

/** Every attack of one step against the strongest of many. */
function oneStep(one: readonly CellRecord[], many: readonly CellRecord[]): Finding[] {
  const strongest = strongestOf(many);
  if (!strongest) return [];
  return one.map((step) => {
    const { n, onlyA, onlyB } = compared(step, strongest);
    const more = onlyA - onlyB;
    return {
      check: 'one-step-beats-many',
      outcome: n === 0 ? 'unmeasured' : more > MORE * n && beyondChance(onlyA, onlyB) ? 'sign' : 'clear',
      measured: `${step.attack.label}, of one step, breaks ${onlyA} of ${n} images that ${strongest.attack.label} leaves, which breaks ${onlyB} others`,
    };
  });
}

function strongestOf(cells: readonly CellRecord[]): CellRecord | undefined {
  const images = commonImages(cells);
  return [...cells].sort((a, b) => rightOn(images, a) - rightOn(images, b))[0];
}

const COUNTS = ['steps', 'iterations', 'restarts'] as const;

/** Steps of all restarts together; undefined where the parameters do not say. */
function stepsOf({ attack: { params } }: CellRecord): number | undefined {
  const values = COUNTS.flatMap((name) => (typeof params[name] === 'number' ? [params[name]] : []));
  return values.length > 0 ? values.reduce((a, b) => a * b, 1) : undefined;
}

/** What must be equal for two attacks to differ in steps and restarts alone; a step's size goes with their number. */
function kindOf({ attack: { name, version, params, draw } }: CellRecord): string {
  const { steps: _, iterations: __, restarts: ___, stepSize: ____, ...same } = params;
  return canonical([name, version, same, draw ?? 0]);
}

/** The two longest runs of one attack that has several: what the longer one takes more, by doublings. */
function convergence(many: readonly CellRecord[]): Finding[] {
  const kinds = new Map<string, { cell: CellRecord; steps: number }[]>();
  for (const cell of many) {
    const steps = stepsOf(cell);
    if (steps !== undefined && steps >= ENOUGH_STEPS) kinds.set(kindOf(cell), [...(kinds.get(kindOf(cell)) ?? []), { cell, steps }]);
  }
  return [...kinds.values()].flatMap((runs): Finding[] => {
    const [longest, before] = runs.sort((a, b) => b.steps - a.steps);
    if (!longest || !before || longest.steps === before.steps) return [];
    const { n, onlyA, onlyB } = compared(longest.cell, before.cell);
    const slope = n === 0 ? 0 : (onlyA - onlyB) / n / Math.log2(longest.steps / before.steps);
    return [
      {
        check: 'not-converged',
        outcome: n === 0 ? 'unmeasured' : slope > MORE && beyondChance(onlyA, onlyB) ? 'sign' : 'clear',
        measured: `${longest.cell.attack.label} breaks ${onlyA} of ${n} images that ${before.cell.attack.label} leaves, which breaks ${onlyB} others: ${(100 * slope).toFixed(1)} points per doubling of its steps`,
      },
    ];
  });
}
