/** A process of `awake.test.ts`: works without a look at its messages until it finds that it stood still for long, and tells its times, the first read first. */
import { stopwatch, watchStandstills } from '../../harness/awake.ts';

watchStandstills({ beatMs: 100, leastMs: 1000 });
const began = performance.now();
const watch = stopwatch();
process.send?.('works', () => {
  while (watch.suspendedMs < 2000);
  const { suspendedMs } = watch;
  const { ms } = watch;
  process.send?.({ suspendedMs, ms, all: performance.now() - began }, () => process.exit());
});
