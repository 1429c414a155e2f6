/** How the images of `shapes` are painted: backgrounds, strokes and figures on a canvas of values around [0,1], developed to bytes. */
import type { Rng } from '../tensor/rng.ts';
import type { Figure } from './figures.ts';

/** Pixels along each side. */
export const SIZE = 32;
/** Samples along each side of a pixel. */
const SAMPLES = 3;

/** Red, green and blue, around [0,1]. */
export type Colour = readonly [number, number, number];

const colour = (rng: Rng, low: number, high: number): Colour => {
  const draw = () => low + (high - low) * rng.next();
  return [draw(), draw(), draw()];
};

/** A direction within `limit` half-turns of "up", from the rational parametrisation of the circle: no trigonometry, whose last bit differs between machines. */
function direction(rng: Rng, limit: number): readonly [cos: number, sin: number] {
  const t = limit * (2 * rng.next() - 1);
  return [(1 - t * t) / (1 + t * t), (2 * t) / (1 + t * t)];
}

/** Between -1 and 1 with period 1: stripes without a sine. */
const wave = (t: number) => 4 * Math.abs(t - Math.floor(t + 0.5)) - 1;

/** A pattern in [-1,1] over the image: stripes, checks or soft blotches. */
function texture(rng: Rng): (x: number, y: number) => number {
  const kind = rng.int(3);
  const [cos, sin] = direction(rng, 1);
  const period = 3 + 6 * rng.next();
  const phase = rng.next();
  if (kind === 0) return (x, y) => wave((cos * x + sin * y) / period + phase);
  if (kind === 1) return (x, y) => (wave((cos * x + sin * y) / period + phase) * wave((cos * y - sin * x) / period) > 0 ? 1 : -1);
  const lattice = rng.uniform(100, -1, 1);
  return (x, y) => {
    const [u, v] = [x / 4, y / 4];
    const [i, j] = [Math.floor(u), Math.floor(v)];
    const at = (a: number, b: number) => lattice[b * 10 + a] as number;
    const top = at(i, j) + (at(i + 1, j) - at(i, j)) * (u - i);
    const bottom = at(i, j + 1) + (at(i + 1, j + 1) - at(i, j + 1)) * (u - i);
    return top + (bottom - top) * (v - j);
  };
}

/** Two colours blended along a direction, under a texture: fills the canvas `[32,32,3]`, values around [0,1]. */
export function paintBackground(canvas: Float64Array, rng: Rng): void {
  const from = colour(rng, 0.2, 0.8);
  const to = colour(rng, 0.2, 0.8);
  const [cos, sin] = direction(rng, 1);
  const pattern = texture(rng);
  const amplitude = 0.02 + 0.08 * rng.next();
  for (let y = 0; y < SIZE; y++)
    for (let x = 0; x < SIZE; x++) {
      const t = 0.5 + (cos * (x - 15.5) + sin * (y - 15.5)) / 44;
      const p = amplitude * pattern(x, y);
      for (let c = 0; c < 3; c++) canvas[(y * SIZE + x) * 3 + c] = (from[c] as number) + ((to[c] as number) - (from[c] as number)) * t + p;
    }
}

/** Part of a pixel that is inside, from 0 to 1, of whose corners one to four are: counted only where they disagree. */
function coverage(inside: Figure, x: number, y: number, corners: number): number {
  if (corners === 4) return 1;
  let hits = 0;
  for (let s = 0; s < SAMPLES; s++) for (let r = 0; r < SAMPLES; r++) if (inside(x + (r + 0.5) / SAMPLES, y + (s + 0.5) / SAMPLES)) hits++;
  return hits / (SAMPLES * SAMPLES);
}

/** Paints over the pixels that are inside, in proportion. `inside` takes pixel coordinates and is false beyond `reach` of the centre. */
export function cover(
  canvas: Float64Array,
  [cx, cy]: readonly [number, number],
  [reachX, reachY]: readonly [number, number],
  inside: Figure,
  paint: (x: number, y: number, channel: number) => number,
): void {
  const low = (c: number, reach: number) => Math.max(0, Math.floor(c - reach));
  const high = (c: number, reach: number) => Math.min(SIZE, Math.ceil(c + reach));
  const [left, right] = [low(cx, reachX), high(cx, reachX)];
  const [top, bottom] = [low(cy, reachY), high(cy, reachY)];
  const lookAlong = (row: Uint8Array, y: number) => {
    for (let x = left; x <= right; x++) row[x] = Number(inside(x, y));
  };
  let above = new Uint8Array(SIZE + 1);
  let below = new Uint8Array(SIZE + 1);
  lookAlong(above, top);
  for (let y = top; y < bottom; y++) {
    lookAlong(below, y + 1);
    for (let x = left; x < right; x++) {
      const corners = (above[x] as number) + (above[x + 1] as number) + (below[x] as number) + (below[x + 1] as number);
      if (corners === 0) continue;
      const part = coverage(inside, x, y, corners);
      for (let c = 0; c < 3; c++) {
        const i = (y * SIZE + x) * 3 + c;
        canvas[i] = (canvas[i] as number) * (1 - part) + part * paint(x, y, c);
      }
    }
    [above, below] = [below, above];
  }
}

/** A stroke with round ends from a point along a vector, or a dot where that has no length. */
export function paintStroke(
  canvas: Float64Array,
  [x0, y0]: readonly [number, number],
  [dx, dy]: readonly [number, number],
  radius: number,
  ink: Colour,
): void {
  const length = dx * dx + dy * dy || 1;
  const middle = [x0 + dx / 2, y0 + dy / 2] as const;
  const near: Figure = (x, y) => {
    const t = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length));
    const ex = x - x0 - t * dx;
    const ey = y - y0 - t * dy;
    return ex * ex + ey * ey < radius * radius;
  };
  // a pixel more than it needs, for rounding
  const reach = [Math.abs(dx) / 2 + radius + 1, Math.abs(dy) / 2 + radius + 1] as const;
  cover(canvas, middle, reach, near, (_x, _y, c) => ink[c] as number);
}

/** Short strokes and dots in colours of their own. */
export function paintClutter(canvas: Float64Array, rng: Rng): void {
  const count = 2 + rng.int(4);
  for (let k = 0; k < count; k++) {
    const [x0, y0] = [SIZE * rng.next(), SIZE * rng.next()];
    const [dx, dy] = [12 * rng.next() - 6, 12 * rng.next() - 6];
    const radius = 0.6 + 0.7 * rng.next();
    const ink = colour(rng, 0.1, 0.9);
    paintStroke(canvas, [x0, y0], [dx, dy], radius, ink);
  }
}

/** A difference of colours in a random direction of RGB, of length 0.45 to 0.65. */
function contrastOf(rng: Rng): Colour {
  for (;;) {
    const [r, g, b] = colour(rng, -1, 1);
    const length = Math.sqrt(r * r + g * g + b * b);
    if (length < 0.2 || length > 1) continue;
    const scale = (0.45 + 0.2 * rng.next()) / length;
    return [scale * r, scale * g, scale * b];
  }
}

/** The figure, turned, scaled, sheared and shifted, in a colour that differs from what it covers. */
export function paintFigure(canvas: Float64Array, figure: Figure, rng: Rng): void {
  const [cos, sin] = direction(rng, 0.3);
  const radius = 8 + 5 * rng.next();
  const [cx, cy] = [16 + 8 * rng.next() - 4, 16 + 8 * rng.next() - 4];
  const stretch = 0.85 + 0.3 * rng.next();
  const shear = 0.4 * rng.next() - 0.2;
  const contrast = contrastOf(rng);
  const pattern = texture(rng);
  const amplitude = 0.06 * rng.next();
  const centre = (Math.floor(cy) * SIZE + Math.floor(cx)) * 3;
  const ink = contrast.map((v, c) => Math.min(0.95, Math.max(0.05, (canvas[centre + c] as number) + v)));
  const inside: Figure = (x, y) => {
    const u = (cos * (x - cx) + sin * (y - cy)) / radius;
    const v = (cos * (y - cy) - sin * (x - cx)) / radius;
    return figure((u + shear * v) * stretch, v / stretch);
  };
  cover(canvas, [cx, cy], [1.5 * radius, 1.5 * radius], inside, (x, y, c) => (ink[c] as number) + amplitude * pattern(x, y));
}

/** Adds noise, the sum of two uniform numbers, and rounds to bytes. */
export function develop(canvas: Float64Array, rng: Rng, out: Uint8Array): void {
  const amplitude = 0.02 + 0.06 * rng.next();
  for (let i = 0; i < canvas.length; i++) {
    const bits = rng.bits();
    const noise = ((bits & 0xffff) + (bits >>> 16)) / 0xffff - 1;
    out[i] = Math.round(255 * Math.min(1, Math.max(0, (canvas[i] as number) + amplitude * noise)));
  }
}
