/** What is known of a model's gradients: findings with their sources, and a verdict. */
import type { Finding, Outcome } from '../../../records/masking/checks.ts';
import type { Measured } from '../../../records/masking/diagnosis.ts';

/** Where it was found: in the diagnosis, in the attacks side by side, or by a check of the cell or model that is named. */
export interface Placed extends Finding {
  readonly source: string;
}

export interface Masking {
  /** The strongest of all findings; `unmeasured` where nothing was looked at. */
  readonly verdict: Outcome;
  readonly findings: readonly Placed[];
  readonly diagnosis: Measured | undefined;
  /** Why there is no diagnosis. */
  readonly why: string | undefined;
}

export const VERDICTS: Readonly<Record<Outcome, string>> = {
  unmeasured: 'not looked at',
  clear: 'no sign',
  sign: 'signs',
  unreliable: 'unreliable',
};
