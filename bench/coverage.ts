/**
 * Coverage of the intervals over seeds and images, and false separations, on boards whose truth is known: `tsx bench/coverage.ts [--boards 1000] [--only WORLD] [--seed coverage]`.
 * An image has a difficulty that all models share and one that a defense's models share; a seed moves a whole model, in part as it moves the
 * models of other defenses. A model is right on an image where skill + seed - difficulties + a draw of its own is above 0.
 */
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { compareDefenses, differs } from '../reports/view/seeds/compare.ts';
import { accuracyInterval, componentsOf } from '../reports/view/seeds/components.ts';
import { quantileOfT } from '../reports/view/seeds/student.ts';
import { Rng } from '../tensor/rng.ts';

/** A world of boards. Scatter is in standard deviations of a difficulty: 0.1 is about 3 points of accuracy. */
export interface World {
  readonly name: string;
  readonly defenses: number;
  readonly seeds: number;
  readonly images: number;
  /** Accuracy of a defense over all seeds and images. */
  truth(defense: number): number;
  /** By which seeds scatter. */
  scatter(defense: number): number;
}

/** Difficulty of an image for all, for one defense, for one training. */
const SPREAD = { image: 1, defense: 0.3, training: 0.5 };
/** Share of a seed's variance that is the same for all defenses. */
const SHARED = 0.3;

export interface Coverage {
  /** Shares of intervals that hold the truth: of accuracies, of the defense with the fewest, and of differences. */
  readonly accuracies: number;
  readonly leastCovered: number;
  readonly differences: number;
  /** Share of boards with a false separation; of pairs that differ, the share told apart. */
  readonly falseBoards: number;
  readonly found: number;
  /** Mean width of the interval of an accuracy. */
  readonly width: number;
}

const skillFor = (truth: number, scatter: number) => {
  const z = quantileOfT(2 * Math.min(truth, 1 - truth), Number.POSITIVE_INFINITY) * Math.sign(truth - 0.5);
  return z * Math.hypot(scatter, SPREAD.image, SPREAD.defense, SPREAD.training);
};

const at = (values: Float32Array | Float64Array, i: number) => values[i] as number;

/** Outcomes of one board: by defense, then seed. */
function drawBoard(world: World, rng: Rng): Map<number, string>[] {
  const { defenses, seeds, images } = world;
  const difficulty = rng.normal(images);
  const common = rng.normal(seeds);
  return Array.from({ length: defenses }, (_, d) => {
    const scatter = world.scatter(d);
    const skill = skillFor(world.truth(d), scatter);
    const own = rng.normal(images);
    return new Map(
      Array.from({ length: seeds }, (_, s) => {
        const moved = skill + scatter * (Math.sqrt(SHARED) * (common[s] as number) + Math.sqrt(1 - SHARED) * rng.gauss());
        const draws = rng.normal(images);
        let outcomes = '';
        for (let i = 0; i < images; i++) {
          const hard = SPREAD.image * at(difficulty, i) + SPREAD.defense * at(own, i) + SPREAD.training * at(draws, i);
          outcomes += moved > hard ? '1' : '0';
        }
        return [s, outcomes];
      }),
    );
  });
}

const bits = (outcomes: string) => Int8Array.from(outcomes, (c) => (c === '1' ? 1 : 0));
const inside = (value: number, [low, high]: readonly [number, number]) => value >= low && value <= high;

/** Draws boards of a world and counts. */
export function coverageOf(world: World, boards: number, seed: string): Coverage {
  const covered = new Array<number>(world.defenses).fill(0);
  let [pairsCovered, pairs, falseBoards, found, apart, width] = [0, 0, 0, 0, 0, 0];
  for (let b = 0; b < boards; b++) {
    const board = drawBoard(world, new Rng(`${seed} ${world.name} ${b}`));
    for (const [d, outcomes] of board.entries()) {
      const interval = accuracyInterval(componentsOf([...outcomes.values()].map(bits)));
      if (inside(world.truth(d), interval)) covered[d] = (covered[d] as number) + 1;
      width += (interval[1] - interval[0]) / boards / world.defenses;
    }
    let wrong = false;
    for (const pair of compareDefenses(board).pairs) {
      const truth = world.truth(pair.i) - world.truth(pair.j);
      pairs++;
      if (inside(truth, pair.interval)) pairsCovered++;
      if (truth !== 0) apart++;
      if (differs(pair) && truth * pair.difference <= 0) wrong = true;
      else if (differs(pair)) found++;
    }
    if (wrong) falseBoards++;
  }
  const all = covered.reduce((a, c) => a + c, 0);
  return {
    accuracies: all / boards / world.defenses,
    leastCovered: Math.min(...covered) / boards,
    differences: pairsCovered / pairs,
    falseBoards: falseBoards / boards,
    found: apart === 0 ? Number.NaN : found / apart,
    width,
  };
}

/** How unlike defenses may scatter: most by a point or two, one by ten times that. */
const UNLIKE = [0.03, 0.05, 0.08, 0.04, 0.1, 0.06, 0.05, 0.5];

const base = { defenses: 8, seeds: 3, images: 1000, truth: () => 0.6, scatter: () => 0.06 };
export const WORLDS: readonly World[] = [
  { ...base, name: 'alike, seeds of 2 points' },
  { ...base, name: 'no effect of the seed', scatter: () => 0 },
  { ...base, name: 'seeds of 6 points', scatter: () => 0.2 },
  { ...base, name: 'unlike, one of 15 points', scatter: (d) => UNLIKE[d % 8] as number },
  { ...base, name: 'near nothing: 2 %', truth: () => 0.02 },
  { ...base, name: '200 images', images: 200 },
  { ...base, name: 'five seeds', seeds: 5 },
  { ...base, name: 'steps of 4 points', truth: (d) => 0.45 + 0.04 * d },
];

function main(): void {
  const { values } = parseArgs({
    options: { boards: { type: 'string', default: '1000' }, only: { type: 'string' }, seed: { type: 'string', default: 'coverage' } },
  });
  const percent = (x: number) => (Number.isNaN(x) ? '-' : (100 * x).toFixed(1));
  console.log('| world | accuracies | least | differences | false boards | told apart | width |');
  for (const world of WORLDS.filter(({ name }) => !values.only || name.includes(values.only))) {
    const c = coverageOf(world, Number(values.boards), values.seed);
    const cells = [c.accuracies, c.leastCovered, c.differences, c.falseBoards, c.found, c.width].map(percent);
    console.log(`| ${world.name} | ${cells.join(' | ')} |`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
