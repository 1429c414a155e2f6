/** Starts and proposals of the Square attack for one image, Andriushchenko et al. 2020 (arXiv 1912.00049), algorithms 2 and 3, with the L1 form of AutoAttack. */
import type { Rng } from '../../tensor/rng.ts';
import type { Shape } from '../../tensor/tf.ts';
import type { Threat } from '../attack.ts';
import { projectL1 } from './l1-ball.ts';
import { randomShape } from './square-shapes.ts';

/** Images are `h * w * c` numbers in [0,1], row by row. */
export interface Proposals {
  /** Whether windows have a shape, and so an odd side of at least 3. */
  readonly shaped: boolean;
  /** Writes the starting point of `clean` to `out`. */
  start(clean: Float32Array, out: Float32Array, rng: Rng): void;
  /** Writes to `out` a neighbour of `best` that differs in windows of `side` pixels. `out` holds `best` or anything else. */
  propose(clean: Float32Array, best: Float32Array, out: Float32Array, side: number, rng: Rng): void;
}

const clip = (v: number) => Math.min(Math.max(v, 0), 1);
const coin = (rng: Rng) => (rng.next() < 0.5 ? -1 : 1);

/** The published corners: 0 to `room - 1`, or 0 when the window fills the image. */
const corner = (rng: Rng, room: number) => rng.int(Math.max(room, 1));

export function proposals(shape: Shape, { norm, eps }: Threat): Proposals {
  return norm === 'Linf' ? squares(shape, eps) : shaped(shape, norm, eps);
}

/** Vertical stripes to start from, then squares of one colour, each value at an end of its range. */
function squares([h, w, c]: Shape, eps: number): Proposals {
  return {
    shaped: false,
    start(clean, out, rng) {
      const signs = Array.from({ length: w * c }, () => coin(rng));
      for (let i = 0; i < out.length; i++) out[i] = clip((clean[i] as number) + eps * (signs[i % (w * c)] as number));
    },
    propose(clean, best, out, side, rng) {
      out.set(best);
      const top = corner(rng, h - side);
      const left = corner(rng, w - side);
      for (let k = 0; k < c; k++) {
        const offset = eps * coin(rng);
        for (let row = top; row < top + side; row++)
          for (let at = (row * w + left) * c + k, end = at + side * c; at < end; at += c) out[at] = clip((clean[at] as number) + offset);
      }
    },
  };
}

interface Window {
  readonly top: number;
  readonly left: number;
  readonly side: number;
}

/** Calls `visit` with the place of every value of channel `k` in the window, and its row and column there. */
function each([, w, c]: Shape, { top, left, side }: Window, k: number, visit: (at: number, row: number, column: number) => void): void {
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) visit(((top + row) * w + left + column) * c + k, row, column);
}

const inside = (window: Window, row: number, column: number) =>
  row >= window.top && row < window.top + window.side && column >= window.left && column < window.left + window.side;

/** Bumps of full size in L2 or L1: one window takes over the mass of another and what is left of the budget. */
function shaped(shape: Shape, norm: 'L2' | 'L1', eps: number): Proposals {
  const [h, w, c] = shape;
  // sizes add up over values: squares in L2, absolute values in L1
  const mass = norm === 'L2' ? (v: number) => v * v : Math.abs;
  const root = norm === 'L2' ? Math.sqrt : (v: number) => v;
  const total = (values: Float32Array) => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += mass(values[i] as number);
    return sum;
  };
  const budget = norm === 'L2' ? eps * eps : eps;
  const delta = new Float32Array(h * w * c);

  /** Writes `clean + delta`, with `delta` brought to the budget. */
  const finish = (clean: Float32Array, out: Float32Array) => {
    if (norm === 'L1') {
      projectL1(delta, clean, eps * (1 - 1e-6));
      for (let i = 0; i < out.length; i++) out[i] = clip((clean[i] as number) + (delta[i] as number));
      return;
    }
    const scale = eps / (Math.sqrt(total(delta)) + 1e-12);
    for (let i = 0; i < out.length; i++) out[i] = clip((clean[i] as number) + (delta[i] as number) * scale);
  };

  /** Fills channel `k` of the first window anew, and empties the second. */
  const rewrite = (k: number, first: Window, second: Window, value: (row: number, column: number) => number, left: number) => {
    let firstMass = 0;
    let bothMass = 0;
    each(shape, first, k, (at) => {
      firstMass += mass(delta[at] as number);
    });
    each(shape, second, k, (at, row, column) => {
      if (!inside(first, second.top + row, second.left + column)) bothMass += mass(delta[at] as number);
    });
    bothMass += firstMass;
    const old = 1 / (1e-12 + root(firstMass));
    const fresh = new Float64Array(first.side * first.side);
    let freshMass = 0;
    each(shape, first, k, (at, row, column) => {
      const v = value(row, column) + (delta[at] as number) * old;
      fresh[row * first.side + column] = v;
      freshMass += mass(v);
    });
    // the published L1 form multiplies by the channels again
    const size = norm === 'L2' ? Math.sqrt(left / c + bothMass) : (left / c + bothMass) * c;
    const scale = size / (1e-12 + root(freshMass));
    each(shape, second, k, (at) => {
      delta[at] = 0;
    });
    each(shape, first, k, (at, row, column) => {
      delta[at] = (fresh[row * first.side + column] as number) * scale;
    });
  };

  return {
    shaped: true,
    start(clean, out, rng) {
      delta.fill(0);
      const side = Math.max(Math.floor(h / 5), 1);
      const margin = Math.max(Math.floor((h - side * 5) / 2), 0);
      for (let top = margin; top + side <= h; top += side)
        for (let left = margin; left + side <= w; left += side) {
          const value = randomShape(side, norm, rng);
          for (let k = 0; k < c; k++) {
            const sign = coin(rng);
            each(shape, { top, left, side }, k, (at, row, column) => {
              delta[at] = sign * value(row, column);
            });
          }
        }
      finish(clean, out);
    },
    propose(clean, best, out, side, rng) {
      for (let i = 0; i < delta.length; i++) delta[i] = (best[i] as number) - (clean[i] as number);
      const left = Math.max(budget - total(delta), 0);
      const first = { top: corner(rng, h - side), left: corner(rng, w - side), side };
      const second = { top: corner(rng, h - side), left: corner(rng, w - side), side };
      const value = randomShape(side, norm, rng);
      for (let k = 0; k < c; k++) {
        const sign = coin(rng);
        rewrite(k, first, second, (row, column) => sign * value(row, column), left);
      }
      finish(clean, out);
    },
  };
}
