/**
 * How long something has kept a watcher waiting. Time in which the watcher itself did not run is nobody's silence: a process that is stopped and
 * continued, or whose machine sleeps, finds the others as they were when it last looked, and gives them the time that they had left.
 */

/** How often it is looked, at most. */
const BEAT_MS = 1000;
/** A look that comes so much later than the one before, beyond two beats, says that this process stood still. */
const LATE_MS = 1000;

/** The pieces in which a wait of `ms` is counted, in ms: short beside it, so that one that stands still costs little. */
export const beatOf = (ms: number): number => Math.max(1, Math.min(BEAT_MS, ms / 10));

/** A wait that goes on. */
export interface Wait {
  /** Milliseconds waited, without those in which this process stood still. */
  readonly ms: number;
  /** Begins again: there was a sign of life. */
  again(): void;
  end(): void;
}

/**
 * Begins to wait; `over` is called once, when `limitMs` were waited. After this process stood still it is never called before another beat
 * has passed, in which what was sent meanwhile is read. The caller ends it.
 */
export function waitAtMost(limitMs: number, over: () => void = () => undefined): Wait {
  const beatMs = beatOf(limitMs);
  let waited = 0;
  let last = performance.now();
  const since = (): number => {
    const passed = performance.now() - last;
    return passed > 2 * beatMs + LATE_MS ? 0 : passed;
  };
  const beat = setInterval(() => {
    const passed = since();
    last = performance.now();
    waited += passed;
    if (passed === 0 || waited < limitMs) return;
    clearInterval(beat);
    over();
  }, beatMs);
  return {
    get ms() {
      return waited + since();
    },
    again() {
      waited = 0;
      last = performance.now();
    },
    end: () => clearInterval(beat),
  };
}

/** How often a process looks whether it stood still. */
const LOOK_MS = 250;

/** A look at whether this process stood still, which is also taken by itself, until it is ended. */
export interface StandstillWatch {
  look(): void;
  end(): void;
}

/**
 * Calls `heard` each time that this process finds that it stood still for `leastMs` or longer, by the clock on the wall: others may have taken it
 * for gone. A clock that is put forward looks the same. Keeps no process.
 */
export function whenStoodStill(leastMs: number, heard: () => void): StandstillWatch {
  let last = Date.now();
  const look = () => {
    const now = Date.now();
    const stood = now - last - LOOK_MS >= leastMs;
    last = now;
    if (stood) heard();
  };
  const again = setInterval(look, LOOK_MS);
  again.unref();
  return { look, end: () => clearInterval(again) };
}
