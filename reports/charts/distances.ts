/** Robust accuracy against the radius, from the nearest errors that one run of an attack found. */
import { norm } from '../../tensor/norms/index.ts';
import { radius } from '../formats/format.ts';
import type { Found } from '../view/optimality.ts';
import { type AttackView, type Board, boardTitle } from '../view/view.ts';
import type { Chart } from './frame.ts';
import { type Line, lineChart } from './lines.ts';

/** Points of a line: every step of the staircase where there are fewer, else evenly among them. */
const MOST_POINTS = 64;

function thinned<T>(points: readonly T[]): T[] {
  if (points.length <= MOST_POINTS) return [...points];
  return Array.from({ length: MOST_POINTS }, (_, i) => points[Math.round((i * (points.length - 1)) / (MOST_POINTS - 1))] as T);
}

/** One line per model; undefined where nothing was found. */
export function distanceChart(
  board: Board,
  attack: AttackView,
  found: readonly Found[],
  colours: ReadonlyMap<string, number>,
): Chart | undefined {
  const lines: Line[] = found
    .filter(({ curve }) => curve.length > 1)
    .map(({ model, curve }) => ({
      name: model.name,
      points: thinned(curve),
      colour: colours.get(model.record.defense.name) ?? 0,
    }));
  if (lines.length === 0) return undefined;
  const { norm: name } = board.threat;
  const greyLevels = norm(name).inGreyLevels;
  return lineChart({
    id: `${board.id}-distances-${attack.slug}`,
    title: `Robust accuracy against the radius, by the nearest errors of ${attack.label}: ${boardTitle(board)}`,
    description: `The share of the images that are right at first and for which ${attack.label} asked about no error within the radius: all radii from one run, beyond that of the threat too.`,
    x: {
      title: `radius (${name})`,
      key: 'radius',
      format: (v) => (greyLevels ? `${Number((v * 255).toFixed(2))}/255` : radius(Number(v.toPrecision(4)))),
    },
    y: { title: 'robust accuracy, %', key: 'robust_accuracy', percent: true },
    lines,
  });
}
