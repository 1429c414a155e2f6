/** Records of jobs that failed: a row with its reason, never a hole in the table. */
import { RampartError } from '../../errors.ts';
import { multiplyAdds } from '../../models/graph/graph.ts';
import type { AnyCellRecord, CellRecord, ModelRecord, Provenance } from '../../records/record.ts';
import type { JobRecord } from '../../records/record-file.ts';
import type { ShardRecord } from '../../records/shard.ts';
import { BudgetError } from '../evaluate/checks.ts';
import type { Registry } from '../suite/registry.ts';
import { countOf } from '../suite/selection.ts';
import { cellHead } from './cell-record.ts';
import { type CellJob, isNetwork, type Job, type ModelJob, type ShardJob, selectionOfRecord } from './job.ts';
import { NO_COST } from './run-model.ts';

export type Failure = NonNullable<CellRecord['error']>;

/** What engines and Node say who have no code for it. */
const MEMORY = /out of memory|allocation failed|invalid array (buffer )?length|bad_alloc|DefaultCPUAllocator|cannot enlarge memory/i;

/** A job that may fit in memory in smaller passes. */
export class OutOfMemory extends RampartError {}

/** Whether an error, or what caused it, says that memory is out: by the code that the torch engine gives it, or in words. */
function isOutOfMemory(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof OutOfMemory) return true;
  return (error as { code?: unknown }).code === 'ERR_OUT_OF_MEMORY' || MEMORY.test(error.message) || isOutOfMemory(error.cause);
}

/** A failure in words: the error, and for one that is no user's mistake the line it came from. */
export function failureOf(error: unknown): Failure {
  if (error instanceof BudgetError) return { kind: 'budget', message: error.message };
  const kind = isOutOfMemory(error) ? 'memory' : 'error';
  if (error instanceof RampartError) return { kind, message: error.message };
  if (!(error instanceof Error)) return { kind: 'error', message: String(error) };
  const frame = error.stack?.split('\n').find((line) => line.trim().startsWith('at '));
  const place = frame?.match(/([^/\\()]+:\d+):\d+\)?$/)?.[1];
  const message = `${error.name}: ${error.message}${place ? ` (at ${place})` : ''}`;
  return { kind, message };
}

/** The record of a job that failed; `provenance` is that of whoever performed it. */
export function failedRecord(job: Job, registry: Registry, error: Failure, provenance: Provenance): JobRecord {
  if (job.kind === 'model') return failedModel(job, registry, error, provenance);
  return job.kind === 'cell' ? failedCell(job, registry, error, provenance) : failedShard(job, error, provenance);
}

export function failedShard({ key, cell, range }: ShardJob, error: Failure, provenance: Provenance): ShardRecord {
  return { schema: 1, kind: 'shard', key, cell, ...range, status: 'failed', error, wallMs: 0, batchSize: 1, peakMemoryMb: 0, provenance };
}

export function failedCell(job: CellJob, registry: Registry, error: Failure, provenance: Provenance): AnyCellRecord {
  return {
    ...cellHead(job, registry),
    status: 'failed',
    error,
    accuracy: 0,
    interval: [0, 1],
    outcomes: { robust: '', labels: [], predictions: [], distances: [] },
    passes: { forward: 0, backward: 0 },
    wallMs: 0,
    imagesPerSecond: 0,
    peakMemoryMb: 0,
    flags: [],
    provenance,
  };
}

export function failedModel(job: ModelJob, registry: Registry, error: Failure, provenance: Provenance): ModelRecord {
  const { data, origin } = job;
  const own = 'defense' in origin ? origin : undefined;
  const brought = 'defense' in origin ? undefined : origin;
  const plugin = own && registry.defense(own.defense.name);
  return {
    schema: 1,
    kind: 'model',
    key: job.key,
    status: 'failed',
    error,
    name: job.name,
    dataset: {
      name: data.plugin.name,
      version: data.plugin.version,
      params: data.plugin.params,
      hash: data.hash,
      train: countOf(data.train.selection),
      validation: origin.by === 'training' ? origin.recipe.validation : 0,
      test: countOf(data.test.selection),
      ...selectionOfRecord(data),
      classNames: [],
    },
    arch: { name: job.arch.name, version: job.arch.version, parameters: 0, multiplyAdds: multiplyAddsOf(job, registry) },
    defense: {
      name: own?.defense.name ?? job.name,
      version: own?.defense.version ?? 1,
      params: own?.defense.params ?? {},
      title: (brought ?? plugin)?.title ?? '',
      paper: (brought ?? plugin)?.paper ?? '',
      references: plugin?.references,
      kind: own?.by ?? 'pretrained',
      ...(plugin?.kind === 'training' && plugin.role && { role: plugin.role }),
    },
    ...(origin.by === 'wrapper' && { wraps: origin.base }),
    ...(origin.by === 'training' && { threat: { ...origin.threat } }),
    recipe: origin.by === 'training' ? { ...origin.recipe } : {},
    seed: job.seed,
    extraData: brought?.extraData ?? false,
    weightsHash: '',
    epochs: [],
    cost: NO_COST,
    flags: [],
    provenance,
  };
}

/** Of a network that is known here; 0 of another. */
function multiplyAddsOf({ data, arch, origin }: ModelJob, registry: Registry): number {
  if (!isNetwork(origin)) return 0;
  const { shape, classes } = data.form;
  const ones = Array.from({ length: shape[2] }, () => 1);
  return multiplyAdds(registry.architecture(arch.name).graph({ inputShape: shape, classes, mean: ones, std: ones }));
}
