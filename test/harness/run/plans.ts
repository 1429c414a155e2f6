/** Plans for tests, on data that is told and not loaded. */

import { type EngineIdentity, type EngineRef, engineIdentity } from '../../../harness/job/engine.ts';
import { attackedImages, type PlannedData } from '../../../harness/job/prepare-data.ts';
import { planRun } from '../../../harness/run/plan.ts';
import { firstImages, type Selection, shown } from '../../../harness/suite/selection.ts';
import { suiteWith } from '../suites.ts';

export const cpuEngine: EngineRef = { name: 'cpu', device: 'cpu', threads: 1 };

export const cpuIdentity: EngineIdentity = engineIdentity({ ...cpuEngine, version: '0' });

/** The plan of the small suite with some parts changed; `content` changes what its images look like. Images have their selection as hash. */
export async function planFor(changes: Record<string, string> = {}, content: { train?: string; test?: string } = {}, engine = cpuIdentity) {
  const { suite, registry } = await suiteWith(changes);
  const images = (part: 'train' | 'test', selection: Selection) => ({ selection, hash: `${content[part] ?? part} ${shown(selection)}` });
  const data = suite.datasets.map(({ label, ref: plugin, select }): PlannedData => {
    const train = images('train', select.train ?? firstImages(1000));
    const test = images('test', select.test ?? firstImages(100));
    const { shape = [1, 1, 1], classes = 2 } = registry.dataset(plugin.name);
    const ref = { label, plugin, form: { shape, classes }, hash: 'hash', train, test };
    return { ref, attacked: attackedImages(suite, label, test.selection).map((selection) => images('test', selection)) };
  });
  return { plan: planRun(suite, registry, data, engine), suite, registry };
}
