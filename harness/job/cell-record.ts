/** The record of a cell, from its job and what came out. */

import { aboutCorruption, CORRUPTION_PAPERS, CORRUPTIONS } from '../../corruptions/index.ts';
import type { AnyCellRecord, CellRecord, Flag, Provenance } from '../../records/record.ts';
import { wilson } from '../../records/stats.ts';
import type { Stopwatch } from '../awake.ts';
import type { Elapsed } from '../evaluate/evaluation.ts';
import type { ModelChecks } from '../evaluate/model-checks.ts';
import type { EvaluationData } from '../evaluate/predict.ts';
import type { Registry } from '../suite/registry.ts';
import { countOf, indicesIn, startsAtZero } from '../suite/selection.ts';
import { CLEAN } from '../suite/suite.ts';
import type { CellJob } from './job.ts';
import { peakMemoryMb } from './provenance.ts';

/** What an evaluation found; clean cells have confidences and no distances. */
export interface Outcome {
  readonly robust: string;
  readonly predictions: readonly number[];
  readonly distances?: readonly number[];
  /** Of an attack whose search was watched. */
  readonly nearest?: NonNullable<CellRecord['outcomes']['nearest']>;
  readonly confidences?: readonly number[];
  readonly passes: CellRecord['passes'];
  readonly overhead?: CellRecord['passes'];
  readonly choice?: string;
  readonly members?: CellRecord['members'];
  readonly survivors?: CellRecord['survivors'];
  readonly flags?: readonly Flag[];
  readonly batchSize: number;
  /** Of a model behind an endpoint. */
  readonly asked?: CellRecord['asked'];
  /** Of a model from elsewhere, on its clean cell. */
  readonly checks?: ModelChecks;
  /** Of processes that worked at the cell before this one. */
  readonly earlier?: Elapsed;
}

const rounded = (digits: number) => (value: number) => Math.round(value * 10 ** digits) / 10 ** digits;

/** Times in ms as records have them: that of standstills only where there were any. */
export function timesOf(wallMs: number, suspendedMs: number): Pick<CellRecord, 'wallMs' | 'suspendedMs'> {
  return { wallMs: rounded(1)(wallMs), ...(suspendedMs > 0 && { suspendedMs: rounded(1)(suspendedMs) }) };
}

/** The parts of a cell's record that the job alone decides. */
export function cellHead(
  job: CellJob,
  registry: Registry,
): Pick<AnyCellRecord, 'schema' | 'kind' | 'key' | 'model' | 'attack' | 'threat' | 'seed' | 'dataset' | 'n' | 'indices'> {
  const { label, plugin, budget, draw } = job.attack;
  const { name, version, params } = plugin;
  const { selection } = job.images;
  return {
    schema: 1,
    kind: 'cell',
    key: job.key,
    model: { ...job.model },
    attack: {
      name,
      version,
      params,
      label,
      ...(budget !== undefined && { budget }),
      ...(draw !== undefined && { draw }),
      ...about(job, registry),
    },
    threat: { ...job.threat },
    seed: job.seed,
    dataset: { name: job.data.plugin.name, hash: job.data.hash },
    n: countOf(selection),
    ...(!startsAtZero(selection) && { indices: [...indicesIn(selection)] }),
  };
}

function about(
  { attack: { plugin: ref }, threat }: CellJob,
  registry: Registry,
): Pick<CellRecord['attack'], 'title' | 'paper' | 'references' | 'access' | 'role' | 'bounded'> {
  if (ref.name === CLEAN.name) return { title: 'Clean accuracy', paper: '', access: 'none' };
  if (threat.kind === 'corruption')
    return { title: aboutCorruption(threat.name).title, paper: CORRUPTIONS, references: CORRUPTION_PAPERS, access: 'none' };
  const attack = registry.attack(ref.name);
  const role = 'members' in attack ? 'ensemble' : attack.role;
  const { title, paper, references, access } = attack;
  return { title, paper, references, access, ...(role && { role }), ...(!registry.isBounded(ref) && { bounded: false }) };
}

function precisionFlags({ engine }: Provenance): Flag[] {
  if (engine.precision !== 'bf16') return [];
  return [{ name: 'low-precision', detail: `${engine.name} ${engine.version} on ${engine.device}, convolutions in bfloat16` }];
}

/** `watch` runs since the evaluation began, or went on, in this process. */
export function cellRecord(
  job: CellJob,
  registry: Registry,
  data: EvaluationData,
  outcome: Outcome,
  watch: Stopwatch,
  provenance: Provenance,
): AnyCellRecord {
  const { earlier = { wallMs: 0, suspendedMs: 0 } } = outcome;
  const wallMs = earlier.wallMs + watch.ms;
  const suspendedMs = earlier.suspendedMs + watch.suspendedMs;
  const { robust, predictions, confidences, members, survivors, checks } = outcome;
  const right = [...robust].filter((c) => c === '1').length;
  return {
    ...cellHead(job, registry),
    status: 'done',
    accuracy: data.n === 0 ? 0 : right / data.n,
    interval: wilson(right, data.n),
    outcomes: {
      robust,
      labels: [...data.labels],
      predictions: [...predictions],
      distances: [...(outcome.distances ?? predictions.map(() => 0))],
      ...(outcome.nearest && { nearest: outcome.nearest }),
      ...(confidences && { confidences: confidences.map(rounded(4)) }),
    },
    passes: outcome.passes,
    ...(outcome.overhead && { overhead: outcome.overhead }),
    ...(outcome.asked && { asked: { ...outcome.asked } }),
    ...timesOf(wallMs, suspendedMs),
    batchSize: outcome.batchSize,
    imagesPerSecond: rounded(2)(data.n / (wallMs / 1000)),
    peakMemoryMb: peakMemoryMb(),
    ...(outcome.choice && { choice: outcome.choice }),
    ...(members && { members }),
    ...(survivors && { survivors }),
    ...(checks && { checks: { images: checks.images, passes: checks.passes, randomized: checks.randomized } }),
    flags: [...(checks?.flags ?? []), ...precisionFlags(provenance), ...(outcome.flags ?? [])],
    provenance,
  };
}
