/** The largest of each number that a suite or an option may ask for. */

/** More than a machine has cores or accelerators. */
export const MOST_PROCESSORS = 1024;
/** Images of a pass: an image of 32x32x3 in float32 is 12 KB, and each of its activations more. */
export const MOST_BATCH = 65_536;
/** A timer of Node ends at once beyond 2^31 - 1 milliseconds. */
export const MOST_MINUTES = Math.floor((2 ** 31 - 1) / 60_000);
/** Largest number that a float32 holds: a larger one is infinite as soon as a tensor has it. */
export const MOST_FLOAT = 3.4028234663852886e38;
/** Passes over one image: a thousand times the most of any attack or training here. */
export const MOST_PASSES = 1e9;
/** Models of a suite. */
export const MOST_MODELS = 10_000;
