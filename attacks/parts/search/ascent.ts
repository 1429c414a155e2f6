/** Gradient ascent: the step that every climbing search takes, and the loop over it for points that climb in lockstep. */
import { tf } from '../../../tensor/tf.ts';
import type { Attempt, Loss, Target } from '../../attack.ts';
import type { Position, Step } from '../step.ts';
import { turn } from './finds.ts';

/** What it takes to climb: `whose` as `Target` wants it. */
export interface Slope {
  readonly target: Pick<Target, 'gradient'>;
  readonly loss: Loss;
  readonly step: Step;
  readonly whose?: readonly Attempt[];
}

/** One gradient and one step: the logits `[n,classes]` at the points, and where the step leads. The caller owns these, and keeps what it gave. */
export function climbOnce(at: Omit<Position, 'grad'>, { target, loss, step, whose }: Slope): ReturnType<Step> & { logits: tf.Tensor2D } {
  const { loss: value, logits, grad } = target.gradient(at.x, loss, whose);
  const next = step({ ...at, grad });
  tf.dispose([value, grad]);
  return { logits, ...next };
}

/** The points `[n,h,w,c]` to climb from, and the clean images. */
export interface Route {
  readonly origin: tf.Tensor4D;
  readonly start: tf.Tensor4D;
  readonly steps: number;
}

/** Climbs in lockstep, whatever the target says on the way; pauses before every step. Takes over `start`; the caller owns the last points. */
function* climbing({ origin, start, steps }: Route, slope: Slope): Generator<void, tf.Tensor4D> {
  let at: ReturnType<Step> | undefined = { x: start };
  try {
    for (let i = 0; i < steps; i++) {
      yield;
      const { logits, ...next } = climbOnce({ ...at, origin }, slope);
      tf.dispose([logits, at.x]);
      at.memory?.dispose();
      at = next;
    }
    const { x } = at;
    at.memory?.dispose();
    at = undefined;
    return x;
  } finally {
    at?.x.dispose();
    at?.memory?.dispose();
  }
}

/** The points after exactly `steps` steps, at once. Takes over `start`; the caller owns the result. */
export function climbAtOnce(route: Route, slope: Slope): tf.Tensor4D {
  const climb = climbing(route, slope);
  for (;;) {
    const { done, value } = climb.next();
    if (done) return value;
  }
}

/** The same, letting timers and messages through before every step; throws the signal's reason when it is aborted. */
export async function climb(route: Route, slope: Slope, signal: AbortSignal): Promise<tf.Tensor4D> {
  const climb = climbing(route, slope);
  try {
    for (;;) {
      const { done, value } = climb.next();
      if (done) return value;
      await turn(signal);
    }
  } finally {
    climb.return(route.start);
  }
}
