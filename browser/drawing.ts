/** An image that the reader draws, painted as the data set paints its own: a figure of it, strokes by hand, and one of its backgrounds. */
import { FIGURES } from '../datasets/figures.ts';
import { type Colour, cover, develop, paintBackground, paintStroke, SIZE } from '../datasets/painting.ts';
import { Rng } from '../tensor/rng.ts';

type Point = readonly [x: number, y: number];

/** Lengths and places are in pixels from the upper left corner, colours in [0,1]. */
export interface Drawing {
  /** One colour, or the number of a background like those of the data set. */
  readonly ground: Colour | number;
  readonly figure?: {
    readonly name: string;
    readonly centre: Point;
    readonly radius: number;
    readonly degrees: number;
    readonly ink: Colour;
  };
  /** Above the figure, in this order. */
  readonly strokes: readonly { readonly points: readonly Point[]; readonly radius: number; readonly ink: Colour }[];
}

/** Data sets whose images can be drawn by hand, with their figures. */
const DRAWN: Readonly<Record<string, readonly string[]>> = { shapes: FIGURES.map(([name]) => name) };

/** The figures of a data set, none where its images cannot be drawn. */
export const figuresOf = (dataset: string): readonly string[] => DRAWN[dataset] ?? [];

/** The image `[32,32,3]`, in whole grey levels as those of the data set. */
export function paint({ ground, figure, strokes }: Drawing): Float32Array {
  const canvas = new Float64Array(SIZE * SIZE * 3);
  const rng = new Rng(`drawing/${ground}`);
  if (typeof ground === 'number') paintBackground(canvas, rng);
  else for (let i = 0; i < canvas.length; i++) canvas[i] = ground[i % 3] as number;
  if (figure) paintFigure(canvas, figure);
  for (const { points, radius, ink } of strokes)
    for (const [i, to] of points.entries()) {
      const from = points[Math.max(0, i - 1)] as Point;
      // the first point is a dot, and the beginning of the first part
      if (i !== 0 || points.length === 1) paintStroke(canvas, from, [to[0] - from[0], to[1] - from[1]], radius, ink);
    }
  if (typeof ground !== 'number') return Float32Array.from(canvas, (v) => Math.round(255 * v) / 255);
  const bytes = new Uint8Array(canvas.length);
  develop(canvas, rng, bytes);
  return Float32Array.from(bytes, (v) => v / 255);
}

/** The figure as it stands in its own frame, turned clockwise. */
function paintFigure(canvas: Float64Array, { name, centre, radius, degrees, ink }: NonNullable<Drawing['figure']>): void {
  const inside = FIGURES.find((known) => known[0] === name)?.[1];
  if (!inside) return;
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle) / radius, Math.sin(angle) / radius];
  const [cx, cy] = centre;
  const there = (x: number, y: number) => inside(cos * (x - cx) + sin * (y - cy), cos * (y - cy) - sin * (x - cx));
  cover(canvas, centre, [1.5 * radius, 1.5 * radius], there, (_x, _y, c) => ink[c] as number);
}
