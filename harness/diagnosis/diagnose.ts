/** The diagnosis of a model: what its answers and gradients are, and what short attacks find, measured one after the other and kept in between. */
import { z } from 'zod';
import type { Threat } from '../../attacks/attack.ts';
import { pick } from '../../datasets/split.ts';
import { RampartError } from '../../errors.ts';
import {
  answersAnew,
  type Diagnosis,
  differencesSchema,
  gradientsSchema,
  linesSchema,
  passesSchema,
  probesSchema,
  repeatsSchema,
  surfaceSchema,
} from '../../records/masking/diagnosis.ts';
import { UnfitFile } from '../../records/plain-file.ts';
import type { Checkpoint } from '../../records/store.ts';
import { GRADIENT_NORMS } from '../../tensor/norms/index.ts';
import { awakeNow } from '../awake.ts';
import { asRandomized } from '../evaluate/model-checks.ts';
import type { EvaluationData } from '../evaluate/predict.ts';
import { measureDifferences, measureRepeats } from './answers.ts';
import { measureGradients } from './gradients.ts';
import { measureLines, measureSurfaces } from './landscape.ts';
import { runProbes } from './probes.ts';
import { addUp, type Found, type Patient } from './subject.ts';

export interface DiagnosisInput extends Patient {
  /** All images of the clean cell. */
  readonly data: EvaluationData;
  /** One character per image, `1` where it is classified right. */
  readonly clean: string;
  /** Images to look at, the first that are right. */
  readonly images: number;
  /** Whether the gradient is that of a stand-in, as the defense says. */
  readonly standIn: boolean;
  readonly checkpoint?: Pick<Checkpoint, 'load' | 'save'>;
  onProgress?(done: number, of: number): void;
}

const foundOf = <S extends z.ZodType>(schema: S) => z.strictObject({ value: schema, passes: passesSchema, wallMs: z.number() });

/** What was measured so far. */
const stateSchema = z.strictObject({
  repeats: foundOf(repeatsSchema).optional(),
  gradients: foundOf(gradientsSchema).optional(),
  differences: foundOf(differencesSchema).optional(),
  lines: foundOf(linesSchema).optional(),
  surfaces: foundOf(z.array(surfaceSchema)).optional(),
  probes: foundOf(probesSchema).optional(),
});
type State = z.infer<typeof stateSchema>;
type Stage = keyof State;

/** From chance to perfection, what a model must have learnt: one that says one class whatever it sees cannot be broken in that class, by any attack. */
const LEARNT = 0.1;

/** Nothing is measured of a model without gradients, nor of one that has learnt nothing. Throws what the model throws. */
export async function diagnose(input: DiagnosisInput): Promise<Diagnosis> {
  const places = [...input.clean].flatMap((c, i) => (c === '1' ? [i] : [])).slice(0, input.images);
  const { classifier } = input;
  if (classifier.access) return none('no gradient can be asked for');
  if (classifier.classes < 2) return none('it has one class');
  const right = input.clean.split('1').length - 1;
  const chance = 1 / classifier.classes;
  if (!(right > (chance + LEARNT * (1 - chance)) * input.clean.length))
    return none(`it is right on ${right} of ${input.clean.length} images, hardly more than chance`);
  const indices = places.map((place) => input.data.indices?.[place] ?? place);
  const data: EvaluationData = { ...pick(input.data, places), indices, shape: input.data.shape };
  const state = (await input.checkpoint?.load(decode)) ?? {};
  // nothing else of the input: an attack has a checkpoint of its own
  const { name, rng, threat, batchSize, signal } = input;
  let patient: Patient = { classifier, name, rng, data, threat, batchSize, signal, lookup: (attack) => input.lookup(attack) };
  const stages = stagesOf(threat);
  for (const [i, stage] of stages.entries()) {
    input.onProgress?.(i, stages.length);
    const repeats = state.repeats?.value;
    const anew = repeats !== undefined && answersAnew(repeats);
    if (anew && !classifier.randomized) patient = { ...patient, classifier: asRandomized(classifier) };
    if (state[stage] || (stage === 'differences' && anew && !classifier.randomized)) continue;
    const begin = awakeNow();
    const found = await MEASURE[stage](patient);
    Object.assign(state, { [stage]: { ...found, wallMs: awakeNow() - begin } });
    await input.checkpoint?.save(Buffer.from(JSON.stringify(state)));
  }
  return diagnosisOf(input, indices, state);
}

const MEASURE: { readonly [S in Stage]: (patient: Patient) => Promise<Found<unknown>> } = {
  repeats: measureRepeats,
  gradients: measureGradients,
  differences: measureDifferences,
  lines: measureLines,
  surfaces: measureSurfaces,
  probes: runProbes,
};

/** In the order of their cost; what takes gradient steps is left out in a norm without them, and in a ball of nothing. */
function stagesOf({ norm, eps }: Threat): Stage[] {
  const steps = GRADIENT_NORMS.includes(norm) && eps > 0;
  return ['repeats', 'gradients', 'differences', ...(steps ? (['lines', 'surfaces', 'probes'] as const) : [])];
}

const none = (reason: string): Diagnosis => ({ status: 'none', reason });

function decode(bytes: Uint8Array): State {
  try {
    return stateSchema.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    throw new UnfitFile('is no state of a diagnosis');
  }
}

function diagnosisOf({ threat, standIn, classifier }: DiagnosisInput, images: number[], state: State): Diagnosis {
  const { repeats, gradients, ...others } = state;
  if (!repeats || !gradients) throw new RampartError('[diagnosis] expected answers and gradients, got none');
  const found = Object.values(state).filter((one) => one !== undefined);
  return {
    status: 'done',
    images,
    threat: { norm: threat.norm, eps: threat.eps },
    standIn,
    declaredRandom: classifier.randomized ?? false,
    repeats: repeats.value,
    gradients: gradients.value,
    ...(others.differences && { differences: others.differences.value }),
    ...(others.lines && { lines: others.lines.value }),
    ...(others.surfaces && { surfaces: others.surfaces.value }),
    ...(others.probes && { probes: others.probes.value }),
    passes: addUp(found.map(({ passes }) => passes)),
    wallMs: Math.round(found.reduce((sum, { wallMs }) => sum + wallMs, 0)),
  };
}
