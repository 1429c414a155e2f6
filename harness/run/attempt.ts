/** What comes of an attempt at a job. */
import type { Provenance, RampartRecord } from '../../records/record.ts';
import type { JobRecord, Records } from '../../records/record-file.ts';
import type { Failure } from '../job/failures.ts';
import type { Job } from '../job/job.ts';

export type State = 'reused' | 'done' | 'failed';

/** What a job leaves. */
export type RecordOf<J extends Job> = Records[J['kind']];

export type Attempt<R extends JobRecord = RampartRecord> =
  | { readonly is: 'record'; readonly state: State; readonly record: R }
  | { readonly is: 'failure'; readonly error: Failure; readonly provenance: Provenance }
  | { readonly is: 'elsewhere' };
