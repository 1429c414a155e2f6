/** Draws of a Poisson distribution. */
import type { Rng } from '../../tensor/rng.ts';

/** Beyond this, e to the minus mean would leave too few digits. */
const MOST_AT_ONCE = 300;

/** How many events there are where `mean` are expected: by inversion, one uniform draw for each 300 expected or fewer. */
export function poisson(mean: number, rng: Rng): number {
  let events = 0;
  let left = mean;
  for (; left > MOST_AT_ONCE; left -= MOST_AT_ONCE) events += inverted(MOST_AT_ONCE, rng.next());
  return events + inverted(left, rng.next());
}

/** The smallest count whose cumulative probability is above `u`. */
function inverted(mean: number, u: number): number {
  let count = 0;
  let probability = Math.exp(-mean);
  let sum = probability;
  // sums of doubles may end a little below 1
  while (u >= sum && probability > 0) {
    count++;
    probability *= mean / count;
    sum += probability;
  }
  return count;
}
