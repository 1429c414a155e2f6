/** Training of one model: that of its helper first, where the defense asks for one. */

import { defense } from '../../defenses/index.ts';
import { RampartError } from '../../errors.ts';
import { createNetwork } from '../../models/index.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import type { Cost, Facts } from './facts.ts';
import type { TrainingDraws, TrainingJob, TrainingResult } from './training-job.ts';
import { archSetup, TrainingRun } from './training-run.ts';

/** Trains `job.defense` on its data set; everything random comes from `job.draws`. Throws when the loss stops being finite or `signal` aborts. */
export async function train(job: TrainingJob): Promise<TrainingResult> {
  const saved = await job.checkpoint?.load();
  const name = job.defense.helper;
  if (name === undefined) return runTraining(new TrainingRun(job, {}), saved);
  const draws = drawsOfHelper(job.draws);
  const network = createNetwork(job.arch, archSetup(job.dataset), draws.weights);
  try {
    let cost: Cost | undefined;
    // a checkpoint of the main training brings the helper's weights
    if (!saved || isOfHelper(saved)) {
      const trained = await runTraining(helperRun({ ...job, draws }, name), saved);
      network.load(await trained.network.save(), `helper of ${job.name}`);
      trained.network.dispose();
      cost = trained.cost;
    }
    return await runTraining(new TrainingRun(job, { network, cost }), saved && !isOfHelper(saved) ? saved : undefined);
  } finally {
    network.dispose();
  }
}

/** A helper draws what the training that it is for does not. */
function drawsOfHelper({ weights, order, noise }: TrainingDraws): TrainingDraws {
  return { weights: weights.fork('helper'), order: order.fork('helper'), noise: noise.fork('helper') };
}

function isOfHelper(checkpoint: Uint8Array): boolean {
  return (decodeCheckpoint(checkpoint).facts as Facts).helper;
}

/** The training of the helper `name` with the job's recipe, in the first half of the job's progress. */
function helperRun(job: TrainingJob, name: string): TrainingRun {
  const plugin = defense(name);
  if (plugin.kind !== 'training') throw new RampartError(`[train ${job.name}] the helper ${name} is no training defense`);
  const own = { name: `${job.name}: helper`, defense: plugin, params: plugin.params.parse({}) };
  return new TrainingRun({ ...job, ...own }, { isHelper: true });
}

async function runTraining(run: TrainingRun, saved: Uint8Array | undefined): Promise<TrainingResult> {
  try {
    if (saved) run.resume(saved);
    while (!run.finished) await run.epoch();
    return run.result();
  } catch (error) {
    run.network.dispose();
    throw error;
  } finally {
    run.dispose();
  }
}
