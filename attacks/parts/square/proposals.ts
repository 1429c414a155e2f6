/** Starts and proposals of the Square attack for one image, Andriushchenko et al. 2020 (arXiv 1912.00049), algorithms 2 and 3, with the L1 form of AutoAttack. */
import { atNorm, type ByNorm, normsIn } from '../../../tensor/norms/index.ts';
import { projectL1 } from '../../../tensor/norms/l1-on-host.ts';
import type { Rng } from '../../../tensor/rng.ts';
import type { Shape } from '../../../tensor/tf.ts';
import type { Threat } from '../../attack.ts';
import { type Measure, randomShape, type WindowShape } from './shapes.ts';

/** Images are `h * w * c` numbers in [0,1], row by row. */
export interface Proposals {
  /** Whether windows have a shape, and so an odd side of at least 3. */
  readonly shaped: boolean;
  /** Writes the starting point of `clean` to `out`. */
  start(clean: Float32Array, out: Float32Array, rng: Rng): void;
  /** Writes to `out` a neighbour of `best` that differs in windows of `side` pixels. `out` holds `best` or anything else. */
  propose(clean: Float32Array, best: Float32Array, out: Float32Array, side: number, rng: Rng): void;
  /** Where a proposal is a window whose values lie at ends of their ranges: what `propose` draws for it, and these ends. */
  readonly ends?: Ends;
}

export interface Ends {
  draw(side: number, rng: Rng): DrawnWindow;
  /** The end of the range of a value of the image, -1 for the lower one. */
  of(clean: number, sign: number): number;
}

export interface DrawnWindow extends Window {
  /** By channel: -1 for the lower end. */
  readonly signs: readonly number[];
}

const clip = (v: number) => Math.min(Math.max(v, 0), 1);
const coin = (rng: Rng) => (rng.next() < 0.5 ? -1 : 1);

/** The published corners: 0 to `room - 1`, or 0 when the window fills the image. */
const corner = (rng: Rng, room: number) => rng.int(Math.max(room, 1));

/** What each norm proposes for images of a shape, in a ball of radius `eps`. */
const SQUARE = {
  Linf: squares,
  L2: (shape, eps) => shaped(shape, eps, inL2),
  L1: (shape, eps) => shaped(shape, eps, inL1),
} satisfies ByNorm<(shape: Shape, eps: number) => Proposals>;

export const SQUARE_NORMS = normsIn(SQUARE);

export function proposals(shape: Shape, { norm, eps }: Threat): Proposals {
  return atNorm(SQUARE, norm, 'attack square')(shape, eps);
}

/** Vertical stripes to start from, then squares of one colour, each value at an end of its range. */
function squares([h, w, c]: Shape, eps: number): Proposals {
  const ends: Ends = {
    draw: (side, rng) => ({
      top: corner(rng, h - side),
      left: corner(rng, w - side),
      signs: Array.from({ length: c }, () => coin(rng)),
    }),
    of: (clean, sign) => clip(clean + eps * sign),
  };
  return {
    shaped: false,
    ends,
    start(clean, out, rng) {
      const signs = Array.from({ length: w * c }, () => coin(rng));
      for (let i = 0; i < out.length; i++) out[i] = ends.of(clean[i] as number, signs[i % (w * c)] as number);
    },
    propose(clean, best, out, side, rng) {
      out.set(best);
      const { top, left, signs } = ends.draw(side, rng);
      signs.forEach((sign, k) => {
        for (let row = top; row < top + side; row++)
          for (let at = (row * w + left) * c + k, end = at + side * c; at < end; at += c) out[at] = ends.of(clean[at] as number, sign);
      });
    },
  };
}

interface Shaped extends Measure {
  /** The size that a channel of the fresh window takes over, from the mass that it may have and the number of channels. */
  sizeOf(mass: number, channels: number): number;
  /** Brings `delta` to radius `eps` around `clean`, but for a factor, which it returns. */
  fit(delta: Float32Array, clean: Float32Array, eps: number): number;
}

export const inL2: Shaped = {
  name: 'L2',
  falloff: 2,
  mass: (v) => v * v,
  root: Math.sqrt,
  sizeOf: Math.sqrt,
  fit: (delta, _, eps) => eps / (Math.sqrt(massOf(delta, inL2)) + 1e-12),
};

export const inL1: Shaped = {
  name: 'L1',
  falloff: 4,
  mass: Math.abs,
  root: (v) => v,
  // the published form multiplies by the channels again
  sizeOf: (mass, channels) => mass * channels,
  fit(delta, clean, eps) {
    projectL1(delta, clean, eps * (1 - 1e-6));
    return 1;
  },
};

function massOf(delta: Float32Array, { mass }: Measure): number {
  let sum = 0;
  for (let i = 0; i < delta.length; i++) sum += mass(delta[i] as number);
  return sum;
}

interface Window {
  readonly top: number;
  readonly left: number;
}

/** Bumps of full size in L2 or L1: one window takes over the mass of another and what is left of the budget. */
function shaped([h, w, c]: Shape, eps: number, norm: Shaped): Proposals {
  const { mass, root } = norm;
  const budget = mass(eps);
  const delta = new Float32Array(h * w * c);
  const fresh = new Float64Array(h * w);

  /** Writes `clean + delta`, with `delta` brought to the budget. */
  const finish = (clean: Float32Array, out: Float32Array) => {
    const scale = norm.fit(delta, clean, eps);
    for (let i = 0; i < out.length; i++) out[i] = clip((clean[i] as number) + (delta[i] as number) * scale);
  };

  /** The mass of channel `k` in a window, without what lies in the window `but`. */
  const massIn = (k: number, { top, left }: Window, side: number, but?: Window) => {
    let sum = 0;
    for (let row = top; row < top + side; row++)
      for (let column = left; column < left + side; column++) {
        const shared = but && row >= but.top && row < but.top + side && column >= but.left && column < but.left + side;
        if (!shared) sum += mass(delta[(row * w + column) * c + k] as number);
      }
    return sum;
  };

  /** Fills channel `k` of the first window anew with the shape times `sign`, and empties the second. `spare` is what is left of the budget. */
  const rewrite = (k: number, first: Window, second: Window, side: number, shape: WindowShape, sign: number, spare: number) => {
    const firstMass = massIn(k, first, side);
    const bothMass = firstMass + massIn(k, second, side, first);
    const old = 1 / (1e-12 + root(firstMass));
    let freshMass = 0;
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++) {
        const held = delta[((first.top + row) * w + first.left + column) * c + k] as number;
        const v = sign * shape(row, column) + held * old;
        fresh[row * side + column] = v;
        freshMass += mass(v);
      }
    const scale = norm.sizeOf(spare / c + bothMass, c) / (1e-12 + root(freshMass));
    for (let row = second.top; row < second.top + side; row++)
      for (let column = second.left; column < second.left + side; column++) delta[(row * w + column) * c + k] = 0;
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++)
        delta[((first.top + row) * w + first.left + column) * c + k] = (fresh[row * side + column] as number) * scale;
  };

  return {
    shaped: true,
    start(clean, out, rng) {
      delta.fill(0);
      const side = Math.max(Math.floor(h / 5), 1);
      const margin = Math.max(Math.floor((h - side * 5) / 2), 0);
      for (let top = margin; top + side <= h; top += side)
        for (let left = margin; left + side <= w; left += side) {
          const shape = randomShape(side, norm, rng);
          for (let k = 0; k < c; k++) {
            const sign = coin(rng);
            for (let row = 0; row < side; row++)
              for (let column = 0; column < side; column++) delta[((top + row) * w + left + column) * c + k] = sign * shape(row, column);
          }
        }
      finish(clean, out);
    },
    propose(clean, best, out, side, rng) {
      for (let i = 0; i < delta.length; i++) delta[i] = (best[i] as number) - (clean[i] as number);
      const spare = Math.max(budget - massOf(delta, norm), 0);
      const first = { top: corner(rng, h - side), left: corner(rng, w - side) };
      const second = { top: corner(rng, h - side), left: corner(rng, w - side) };
      const shape = randomShape(side, norm, rng);
      for (let k = 0; k < c; k++) rewrite(k, first, second, side, shape, coin(rng), spare);
      finish(clean, out);
    },
  };
}
