/** Records for tests of what stores and schedules them: right in form, made up in content. */
import { failedCell, failedModel } from '../../harness/job/failures.ts';
import type { Job } from '../../harness/job/job.ts';
import type { Registry } from '../../harness/suite/registry.ts';
import type { Provenance, RampartRecord } from '../../records/record.ts';

export const somewhere: Provenance = {
  rampart: '0',
  revision: 'unknown',
  node: process.version,
  engine: { name: 'cpu', version: '0', device: 'cpu', threads: 1 },
  host: { cpu: 'test', cores: 1, memoryGb: 1, platform: 'test' },
  startedAt: '2026-01-01T00:00:00.000Z',
};

/** What a job would leave behind, without what it would have found. */
export function doneRecord(job: Job, registry: Registry): RampartRecord {
  if (job.kind === 'shard') throw new Error('what a shard found is no record alone');
  const failure = { kind: 'error', message: 'never seen' } as const;
  const record: RampartRecord =
    job.kind === 'model' ? failedModel(job, registry, failure, somewhere) : failedCell(job, registry, failure, somewhere);
  const { error: _, ...rest } = record;
  const done = { ...rest, status: 'done' } as RampartRecord;
  if (done.kind === 'model') return { ...done, weightsHash: `weights of ${done.key}` };
  const zeros = Array.from({ length: done.n }, () => 0);
  return { ...done, outcomes: { robust: '0'.repeat(done.n), labels: zeros, predictions: zeros, distances: zeros } };
}
