/** Training of one model: that of its helper first, where the defense asks for one. */

import { defense } from '../../defenses/index.ts';
import { RampartError } from '../../errors.ts';
import { createNetwork } from '../../models/index.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import { archSetup, type TrainingDraws, type TrainingJob, type TrainingResult } from './training-job.ts';
import { TrainingRun } from './training-run.ts';

/** Trains `job.defense` on its data set; everything random comes from `job.draws`. Throws when the loss stops being finite or `signal` aborts. */
export async function train(job: TrainingJob): Promise<TrainingResult> {
  const name = job.defense.helper;
  if (name === undefined) return finish((await resumed(job, () => new TrainingRun(job, {}))) ?? new TrainingRun(job, {}));
  const draws = drawsOfHelper(job.draws);
  const network = createNetwork(job.arch, archSetup(job), draws.weights);
  try {
    const helper = () => helperRun({ ...job, draws }, name);
    // a state of the main training brings the helper's weights
    const run = await resumed(job, (isHelper) => (isHelper ? helper() : new TrainingRun(job, { network })));
    if (run && !run.isHelper) return await finish(run);
    const trained = await finish(run ?? helper());
    network.load(await trained.network.save(), `helper of ${job.name}`);
    trained.network.dispose();
    return await finish(new TrainingRun(job, { network, cost: trained.cost }));
  } finally {
    network.dispose();
  }
}

/** A helper draws what the training that it is for does not. */
function drawsOfHelper({ weights, order, noise }: TrainingDraws): TrainingDraws {
  return { weights: weights.fork('helper'), order: order.fork('helper'), noise: noise.fork('helper') };
}

/** A run that goes on from the saved state; undefined where there is none. */
function resumed({ checkpoint }: TrainingJob, create: (isHelper: boolean) => TrainingRun): Promise<TrainingRun | undefined> | undefined {
  return checkpoint?.load((bytes) => {
    const state = decodeCheckpoint(bytes);
    const run = create(state.facts.helper);
    try {
      run.resume(state);
      return run;
    } catch (error) {
      abandon(run);
      throw error;
    }
  });
}

function abandon(run: TrainingRun): void {
  run.network.dispose();
  run.dispose();
}

/** The training of the helper `name` with the job's recipe, in the first half of the job's progress. */
function helperRun(job: TrainingJob, name: string): TrainingRun {
  const plugin = defense(name);
  if (plugin.kind !== 'training') throw new RampartError(`[train ${job.name}] the helper ${name} is no training defense`);
  const own = { name: `${job.name}: helper`, defense: plugin, params: plugin.params.parse({}) };
  const { points: _, ...rest } = job;
  const { until: __, ...recipe } = job.recipe;
  return new TrainingRun({ ...rest, ...own, recipe, alsoLast: false }, { isHelper: true });
}

async function finish(run: TrainingRun): Promise<TrainingResult> {
  try {
    while (!run.finished) await run.epoch();
    return await run.result();
  } catch (error) {
    run.network.dispose();
    throw error;
  } finally {
    run.dispose();
  }
}
