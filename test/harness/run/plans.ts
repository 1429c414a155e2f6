/** Plans for tests, on data that is told and not loaded. */
import type { DataRef, EngineRef } from '../../../harness/job/job.ts';
import { planRun } from '../../../harness/run/plan.ts';
import { suiteWith } from '../suites.ts';

export const cpuEngine: EngineRef = { name: 'cpu', device: 'cpu', threads: 1 };

/** The plan of the small suite with some parts changed; `data` changes what is told of its first data set. */
export async function planFor(changes: Record<string, string> = {}, data: Partial<DataRef> = {}, engine = cpuEngine) {
  const { suite, registry } = await suiteWith(changes);
  const refs = suite.datasets.map(
    ({ label, ref: plugin, limit }): DataRef => ({
      label,
      plugin,
      limit,
      hash: 'hash',
      trainHash: 'train',
      testHash: 'test',
      train: limit.train ?? 1000,
      test: limit.test ?? 100,
      ...data,
    }),
  );
  return { plan: planRun(suite, registry, refs, engine), suite, registry };
}
