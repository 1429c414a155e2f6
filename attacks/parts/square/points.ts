/** Where the Square attack holds its points: in this process, which sends each one that is asked about, or on a device that writes them itself. */
import { type SquarePoints, squareStep, writesSquares } from '../../../tensor/fused.ts';
import type { Rng } from '../../../tensor/rng.ts';
import { type Shape, tf } from '../../../tensor/tf.ts';
import { rowsOf } from '../search/finds.ts';
import type { Ends, Proposals } from './proposals.ts';

/** One point a lane, and the best one before it. */
export interface Points {
  /** Lanes more, around the images `[k,h,w,c]`, which it takes over; one generator each. */
  begin(images: tf.Tensor4D, rngs: readonly Rng[]): Promise<void>;
  /** The points `[n,h,w,c]` to ask about, owned by the caller: with a window of these sides in the best one, or starting points where undefined. */
  ask(sides: readonly (number | undefined)[]): tf.Tensor4D;
  /** Where the last points asked about are better than the best. */
  better(than: readonly boolean[]): void;
  /** Drops all lanes but those at these places. */
  keep(places: readonly number[]): void;
  dispose(): void;
}

/** The fastest that the engine has for these proposals; both give the same points. */
export function pointsOf(proposals: Proposals, shape: Shape, batchSize: number): Points {
  const { ends } = proposals;
  return ends && writesSquares() ? new DevicePoints(proposals, ends, shape) : new HostPoints(proposals, shape, batchSize);
}

const sizeOf = ([h, w, c]: Shape) => h * w * c;

interface Held {
  readonly rng: Rng;
  readonly clean: Float32Array;
  readonly best: Float32Array;
}

class HostPoints implements Points {
  readonly #proposals: Proposals;
  readonly #shape: Shape;
  readonly #d: number;
  /** The points asked about, one row a lane. */
  readonly #asked: Float32Array;
  #held: Held[] = [];

  constructor(proposals: Proposals, shape: Shape, batchSize: number) {
    this.#proposals = proposals;
    this.#shape = shape;
    this.#d = sizeOf(shape);
    this.#asked = new Float32Array(batchSize * this.#d);
  }

  async begin(images: tf.Tensor4D, rngs: readonly Rng[]): Promise<void> {
    const values = (await images.data()) as Float32Array;
    images.dispose();
    rngs.forEach((rng, i) => {
      this.#held.push({ rng, clean: values.slice(i * this.#d, (i + 1) * this.#d), best: new Float32Array(this.#d) });
    });
  }

  #pointOf(i: number): Float32Array {
    return this.#asked.subarray(i * this.#d, (i + 1) * this.#d);
  }

  ask(sides: readonly (number | undefined)[]): tf.Tensor4D {
    this.#held.forEach(({ rng, clean, best }, i) => {
      const side = sides[i];
      if (side === undefined) this.#proposals.start(clean, this.#pointOf(i), rng);
      else this.#proposals.propose(clean, best, this.#pointOf(i), side, rng);
    });
    const n = this.#held.length;
    return tf.tensor4d(this.#asked.subarray(0, n * this.#d), [n, ...this.#shape]);
  }

  better(than: readonly boolean[]): void {
    this.#held.forEach(({ best }, i) => {
      if (than[i]) best.set(this.#pointOf(i));
    });
  }

  keep(places: readonly number[]): void {
    this.#held = places.map((i) => this.#held[i] as Held);
  }

  dispose(): void {
    this.#held = [];
  }
}

const KEYS = ['best', 'last', 'low', 'high'] as const;

const eachOf = (f: (key: (typeof KEYS)[number]) => tf.Tensor4D) =>
  Object.fromEntries(KEYS.map((key) => [key, f(key)])) as unknown as SquarePoints;

interface Sent {
  readonly rng: Rng;
  /** Whether the last point asked about is the best. */
  better: boolean;
}

/** What is drawn is drawn here, and sent; low, high and starting points are worked out here, once for a lane. */
class DevicePoints implements Points {
  readonly #proposals: Proposals;
  readonly #ends: Ends;
  readonly #shape: Shape;
  readonly #rows: tf.Tensor4D;
  readonly #columns: tf.Tensor4D;
  #lanes: Sent[] = [];
  #points: SquarePoints | undefined;

  constructor(proposals: Proposals, ends: Ends, shape: Shape) {
    this.#proposals = proposals;
    this.#ends = ends;
    this.#shape = shape;
    this.#rows = tf.tidy(() => tf.range(0, shape[0]).reshape([1, -1, 1, 1]));
    this.#columns = tf.tidy(() => tf.range(0, shape[1]).reshape([1, 1, -1, 1]));
  }

  async begin(images: tf.Tensor4D, rngs: readonly Rng[]): Promise<void> {
    const clean = (await images.data()) as Float32Array;
    images.dispose();
    const start = new Float32Array(clean.length);
    const d = sizeOf(this.#shape);
    rngs.forEach((rng, i) => {
      this.#proposals.start(clean.subarray(i * d, (i + 1) * d), start.subarray(i * d, (i + 1) * d), rng);
      this.#lanes.push({ rng, better: false });
    });
    const points = (values: Float32Array) => tf.tensor4d(values, [rngs.length, ...this.#shape]);
    const best = points(start);
    const [low, high] = [-1, 1].map((sign) => points(clean.map((v) => this.#ends.of(v, sign)))) as [tf.Tensor4D, tf.Tensor4D];
    const fresh: SquarePoints = { best, last: best.clone(), low, high };
    const before = this.#points;
    if (!before) this.#points = fresh;
    else {
      this.#replace(eachOf((key) => tf.concat([before[key], fresh[key]], 0)));
      tf.dispose({ ...fresh });
    }
  }

  #replace(points: SquarePoints | undefined): void {
    if (this.#points) tf.dispose({ ...this.#points });
    this.#points = points;
  }

  /** A starting point is the best one with a window of no side. */
  #draw(sides: readonly (number | undefined)[]): tf.Tensor2D {
    const [n, c] = [this.#lanes.length, this.#shape[2]];
    const drawn = new Float32Array((3 + c) * n);
    this.#lanes.forEach(({ rng, better }, i) => {
      drawn[i] = better ? 1 : 0;
      const side = sides[i];
      if (side === undefined) return;
      const { top, left, signs } = this.#ends.draw(side, rng);
      drawn[n + i] = top;
      drawn[2 * n + i] = left;
      signs.forEach((sign, k) => {
        drawn[(3 + k) * n + i] = sign * side;
      });
    });
    return tf.tensor2d(drawn, [3 + c, n]);
  }

  ask(sides: readonly (number | undefined)[]): tf.Tensor4D {
    const points = this.#points as SquarePoints;
    const drawn = this.#draw(sides);
    const { best, asked } = squareStep(points, drawn, this.#rows, this.#columns);
    tf.dispose([drawn, points.best, points.last]);
    this.#points = { ...points, best, last: asked };
    return asked.clone();
  }

  better(than: readonly boolean[]): void {
    this.#lanes.forEach((lane, i) => {
      lane.better = than[i] === true;
    });
  }

  keep(places: readonly number[]): void {
    if (places.length === this.#lanes.length) return;
    const points = this.#points as SquarePoints;
    this.#lanes = places.map((i) => this.#lanes[i] as Sent);
    this.#replace(places.length === 0 ? undefined : eachOf((key) => rowsOf(points[key], places)));
  }

  dispose(): void {
    this.#replace(undefined);
    this.#lanes = [];
    tf.dispose([this.#rows, this.#columns]);
  }
}
