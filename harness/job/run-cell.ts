/** Fills one cell: loads the model, attacks it inside the threat model, and writes what came out. */

import type { Threat } from '../../attacks/attack.ts';
import type { CorruptionThreat } from '../../corruptions/corruption.ts';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import { bytesInMemory } from '../../models/import/bytes.ts';
import { referenceLogits } from '../../models/import/reference.ts';
import { readWeights } from '../../models/import/weights.ts';
import { flag } from '../../records/flags.ts';
import { type Diagnosis, isAskedAsRandom, isRandomUnsaid } from '../../records/masking/diagnosis.ts';
import type { AnyCellRecord, ModelRecord } from '../../records/record.ts';
import { StoreError } from '../../records/store.ts';
import { stopwatch } from '../awake.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import { corrupted } from '../evaluate/corrupted.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import type { Evaluation, EvaluationInput } from '../evaluate/evaluation.ts';
import { asRandomized, checkModel } from '../evaluate/model-checks.ts';
import { type EvaluationData, predictClean, type Subject } from '../evaluate/predict.ts';
import { holdToReference } from '../evaluate/reference-logits.ts';
import { publish } from '../publish/publish.ts';
import { cellRecord } from './cell-record.ts';
import type { JobContext } from './context.ts';
import { inTraining } from './engine.ts';
import { exampleEntries } from './examples.ts';
import { failureOf } from './failures.ts';
import type { CellJob } from './job.ts';
import { doneCell, doneModel, neededArtifact } from './load-model.ts';
import { evaluationOf, hasStandIn, type Material, withMaterial } from './material.ts';
import { provenance } from './provenance.ts';
import { partsOf, withShards } from './run-shard.ts';

export function runCell(job: CellJob, context: JobContext): Promise<AnyCellRecord> {
  return withMaterial(job, context, (material) => fill(job, context, material));
}

async function fill(job: CellJob, context: JobContext, material: Material): Promise<AnyCellRecord> {
  const { batchSize, registry, store, engine } = context;
  const { data, rng, classifier } = material;
  const started = provenance(engine);
  if (job.clean === undefined) {
    const record = await cleanRecord(job, context, {
      subject: { classifier, name: job.model.name, rng },
      data,
      started,
      load: material.load,
    });
    await store.writeRecord(record);
    return record;
  }
  const { threat, clean } = job;
  if (threat.kind === 'corruption') {
    const record = await corruptedRecord({ ...job, threat, clean }, context, material, started);
    await store.writeRecord(record);
    return record;
  }
  const watch = stopwatch();
  const input = await evaluationOf({ ...job, threat }, clean, context, material);
  const found = job.shards ? { parts: partsOf(job.key, job.shards, context) } : { checkpoint: store.checkpoint('cell', job.key) };
  const evaluation = await evaluate({ ...input, ...found });

  const { examples } = evaluation;
  const kept = examples && (await exampleEntries(examples, context.settings.keepExamples, data, input));
  const hash = kept && (await store.writeExamples(job.key, kept));
  const made = cellRecord(job, registry, data, { ...evaluation, batchSize, asked: classifier.asked }, watch, started);
  const published = await publishedOf(job, context, input, examples);
  const whole = job.shards ? await withShards(made, job.shards, context) : made;
  const record = { ...whole, ...(hash && { examples: hash }), ...(published && { published }) };
  await store.writeRecord(record);
  return record;
}

/** What is kept of the cell to be published, where that is wanted. */
async function publishedOf(
  job: CellJob,
  { settings, registry, data, store }: JobContext,
  input: EvaluationInput,
  examples: Evaluation['examples'],
): Promise<AnyCellRecord['published']> {
  if (!settings.publish || !examples) return undefined;
  const isBounded = registry.isBounded(job.attack.plugin);
  return publish(settings.publish, examples, { ...input, isBounded }, await data.test(job.data), store);
}

/** The accuracy on corrupted images, of all images: those that are wrong before count as they are after. */
async function corruptedRecord(
  job: CellJob & { readonly threat: CorruptionThreat; readonly clean: string },
  { registry, batchSize, store }: JobContext,
  { data, rng, classifier }: Material,
  started: AnyCellRecord['provenance'],
): Promise<AnyCellRecord> {
  const watch = stopwatch();
  const asked = isAskedAsRandom(await doneCell(job.clean, store)) ? asRandomized(classifier) : classifier;
  const subject = { classifier: asked, name: job.model.name, rng };
  const { photographs } = job.threat;
  const ice = photographs === undefined ? undefined : await neededArtifact(photographs, 'the photographs of frost', store);
  const { confidences, ...found } = await predictClean(subject, corrupted(data, job.threat, rng, ice), batchSize);
  return cellRecord(job, registry, data, { ...found, batchSize, asked: asked.asked }, watch, started);
}

/** The clean accuracy, and before it what is checked of a model from elsewhere. */
async function cleanRecord(
  job: CellJob,
  context: JobContext,
  {
    subject,
    data,
    started,
    load,
  }: { subject: Subject; data: EvaluationData; started: AnyCellRecord['provenance']; load: Material['load'] },
): Promise<AnyCellRecord> {
  const { registry, batchSize, store, engine } = context;
  const model = await doneModel(job.model.key, store);
  const known = model.imported ?? model.outside;
  const pretrained = model.defense.kind === 'pretrained';
  // whether weights were read right is not to be seen through the rounding of bfloat16
  const exact = pretrained && engine.precision === 'bf16' ? { ...subject, classifier: await load(model.key, inTraining(engine)) } : subject;
  if (known?.reference) await holdToFile(known.reference, exact, data, context);
  const checks = pretrained ? await checkModel(exact, data) : undefined;
  const recordOf = async (classifier: Classifier) => {
    const watch = stopwatch();
    const { confidences, ...clean } = await predictClean({ ...subject, classifier }, data, batchSize);
    const { access, asked } = classifier;
    const outcome = { ...clean, batchSize, asked, ...(access !== 'decision' && { confidences }), ...(checks && { checks }) };
    return cellRecord(job, registry, data, outcome, watch, started);
  };
  const classifier = checks?.randomized ? asRandomized(subject.classifier) : subject.classifier;
  const record = await recordOf(classifier);
  holdToExpectation(job, record, model);
  const { threat } = job;
  if (job.diagnosis === undefined || threat.kind === 'corruption') return record;
  const diagnosis = await diagnosed({ ...job, threat }, context, { ...subject, classifier }, data, record.outcomes.robust);
  if (!isRandomUnsaid({ diagnosis })) return { ...record, diagnosis };
  // right is what it mostly says
  const again = await recordOf(asRandomized(classifier));
  const detail = 'several passes of the same images differ: success is judged on mean answers, as for randomised defenses';
  return { ...again, diagnosis, flags: [...again.flags, flag('undeclared-randomness', detail)] };
}

/** A look for masked gradients on the first of the images that are right, resumed where it was broken off. Where the model cannot answer, the reason stands in its place. */
async function diagnosed(
  job: CellJob & { readonly threat: Threat },
  context: JobContext,
  subject: Subject,
  data: EvaluationData,
  clean: string,
): Promise<Diagnosis> {
  const { registry, store, batchSize, signal, report } = context;
  const standIn = await hasStandIn(job.model.key, context);
  const checkpoint = store.checkpoint('cell', job.key);
  const onProgress = (done: number, of: number) =>
    report({ fraction: done / of, detail: `looking for masked gradients, ${done} of ${of}` });
  try {
    return await diagnose({
      ...{ ...subject, data, clean, standIn, batchSize, signal, checkpoint, onProgress },
      images: job.diagnosis as number,
      threat: job.threat,
      lookup: (name) => registry.attack(name),
    });
  } catch (error) {
    const failure = failureOf(error);
    if (error instanceof StoreError || signal.aborted || failure.kind === 'memory') throw error;
    return { status: 'none', reason: failure.message };
  }
}

/** Rounding of float32 in another order moves logits by 1e-5 of the largest at most; TF32 has 10 bits, and PyTorch's logits from a GPU may be of it. */
const referenceTolerance = (device: string) => (device === 'cpu' ? 1e-4 : 2e-3);

/** Throws where the logits are not those that the model must give. */
async function holdToFile(
  { file, hash, tolerance }: NonNullable<NonNullable<ModelRecord['outside']>['reference']>,
  subject: Subject,
  data: EvaluationData,
  { store, batchSize, engine }: JobContext,
): Promise<void> {
  const bytes = await neededArtifact(hash, `the reference logits ${file} of ${subject.name}`, store);
  const { entries } = readWeights(bytesInMemory(bytes, file));
  const reference = referenceLogits(entries, data.shape, subject.classifier.classes, file);
  await holdToReference(subject, reference, data, batchSize, tolerance ?? referenceTolerance(engine.device));
}

/** Throws where the clean accuracy of an imported model is not what its user knows it to be: then nothing that follows would be about that model. */
function holdToExpectation(job: CellJob, { accuracy, n }: AnyCellRecord, { imported, outside }: ModelRecord): void {
  const { expect } = imported ?? outside ?? {};
  if (!expect) return;
  const { clean, tolerance } = expect;
  if (Math.abs(accuracy - clean) <= tolerance + Number.EPSILON) return;
  const expected = `expected a clean accuracy of ${clean} +- ${tolerance} on these ${n} images, got ${accuracy}`;
  const { mean, std } = imported?.normalization ?? {};
  throw new RampartError(`[model ${job.model.name}] ${expected}`, {
    remedy:
      mean && std
        ? `check architecture, normalisation (mean ${mean.join(', ')}; std ${std.join(', ')}) and images`
        : 'check the images, and that the model takes them in [0,1]',
  });
}
