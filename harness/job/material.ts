/** What a cell and its shards are made of: images, models, random numbers, and what earlier cells have found. */
import type { Threat } from '../../attacks/attack.ts';
import type { EngineInfo } from '../../engines/engine.ts';
import type { Classifier } from '../../models/classifier.ts';
import { isAskedAsRandom } from '../../records/masking/diagnosis.ts';
import { isInBall } from '../../records/record.ts';
import { Rng } from '../../tensor/rng.ts';
import type { EvaluationInput } from '../evaluate/evaluation.ts';
import { asRandomized } from '../evaluate/model-checks.ts';
import type { EvaluationData, Subject } from '../evaluate/predict.ts';
import { placesIn } from '../suite/selection.ts';
import type { JobContext } from './context.ts';
import { examplesOf } from './data.ts';
import { type CellJob, drawsOf, type ShardJob } from './job.ts';
import { doneCell, doneModel, loadClassifier } from './load-model.ts';
import { alive, withSignsOfLife } from './signs-of-life.ts';

export interface Material {
  /** All images of the cell, those of a shard too. */
  readonly data: EvaluationData;
  readonly rng: Rng;
  /** The model that is attacked. */
  readonly classifier: Classifier;
  /** Takes a model's key; the engine is the context's unless given. */
  load(key: string, engine?: EngineInfo): Promise<Classifier>;
}

/** What `body` makes of the material, whose models are disposed then. */
export async function withMaterial<T>(job: CellJob | ShardJob, context: JobContext, body: (material: Material) => Promise<T>): Promise<T> {
  const dataset = await context.data.test(job.data);
  const loaded: Classifier[] = [];
  const load = async (key: string, engine = context.engine, features = false) => {
    const classifier = withSignsOfLife(await loadClassifier(key, dataset, { ...context, engine }, features), context.report);
    loaded.push(classifier);
    return classifier;
  };
  const asksForFeatures = context.registry.attacks.get(job.attack.plugin.name)?.features;
  try {
    const data = await examplesOf(dataset, job.data, job.images, alive(context));
    return await body({ data, rng: new Rng(drawsOf(job)), classifier: await load(job.model.key, undefined, asksForFeatures), load });
  } finally {
    for (const classifier of loaded) classifier.dispose();
  }
}

/** Whether a wrapper of the model has a gradient that stands in for one that it has not. */
export async function hasStandIn(key: string, context: Pick<JobContext, 'registry' | 'store'>): Promise<boolean> {
  const { wraps, defense } = await doneModel(key, context.store);
  if (wraps === undefined) return false;
  const plugin = context.registry.defense(defense.name);
  return (plugin.kind === 'wrapper' && plugin.gradient === 'straight-through') || hasStandIn(wraps, context);
}

/** The evaluation of all images of a cell, whose clean cell has the key `cleanKey`; its subject is the model as it is attacked. */
export async function evaluationOf(
  job: (CellJob | ShardJob) & { readonly threat: Threat },
  cleanKey: string,
  { registry, store, settings, batchSize, signal, report }: JobContext,
  { data, rng, classifier, load }: Material,
): Promise<EvaluationInput & Subject> {
  const clean = await doneCell(cleanKey, store);
  // the clean cell is of all test images of the suite
  const places = placesIn(job.data.test.selection, job.images.selection) as number[];
  const before = job.smaller === undefined ? undefined : await doneCell(job.smaller, store);
  const smaller = before && isInBall(before) ? before : undefined;
  const sources = new Map<string, { classifier: Classifier; name: string }>();
  for (const { alias, key, name } of job.sources) sources.set(alias, { classifier: await load(key), name });
  return {
    classifier: isAskedAsRandom(clean) ? asRandomized(classifier) : classifier,
    name: job.model.name,
    standIn: await hasStandIn(job.model.key, { registry, store }),
    rng,
    attack: registry.attack(job.attack.plugin.name),
    params: job.attack.plugin.params,
    budget: job.attack.budget,
    threat: job.threat,
    data,
    clean: places.map((i) => clean.outcomes.robust[i]).join(''),
    cleanPredictions: places.map((i) => clean.outcomes.predictions[i] as number),
    smaller: smaller && { eps: smaller.threat.eps, ...smaller.outcomes },
    batchSize,
    sources,
    signal,
    keepExamples: settings.keepExamples,
    keepAmong: settings.publish,
    lookup: (name) => registry.attack(name),
    onProgress: (done, total, survivors) =>
      report({ fraction: total === 0 ? 1 : done / total, detail: `${done} of ${total} attacked, ${survivors} still right` }),
  };
}
