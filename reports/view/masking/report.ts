/** The masking report of a model: what its diagnosis, its attacks beside each other and the flags of its records say, and a verdict. */
import { flag, meaningOf, UNRANKED } from '../../../records/flags.ts';
import { type Finding, findingsOf, worst } from '../../../records/masking/checks.ts';
import type { CellRecord, Flag, ModelRecord } from '../../../records/record.ts';
import { isClean } from '../view.ts';
import { acrossCells } from './across.ts';
import type { Masking, Placed } from './masking.ts';

/** Flags of records that are signs of masked gradients. */
const SIGNS: ReadonlySet<string> = new Set([
  'gradient-mismatch',
  'no-gradients',
  'probabilities',
  'queries-beat-gradients',
  'queries-only',
  'randomized',
  'saturated-loss',
  'undeclared-randomness',
  'zero-gradient',
]);

export function maskingOf(record: Pick<ModelRecord, 'flags'>, cells: readonly CellRecord[]): Masking {
  const found = cells.find((cell) => isClean(cell) && cell.status === 'done')?.diagnosis;
  const diagnosis = found?.status === 'done' ? found : undefined;
  const findings: Placed[] = [
    ...(diagnosis ? findingsOf(diagnosis) : []).map((finding) => ({ ...finding, source: 'diagnosis' })),
    ...acrossCells(cells).map((finding) => ({ ...finding, source: 'attacks side by side' })),
    ...record.flags.flatMap((own) => flagged(own, 'the model')),
    ...cells.flatMap((cell) => cell.flags.flatMap((own) => flagged(own, cell.attack.label))),
  ];
  const why = diagnosis ? undefined : found?.status === 'none' ? found.reason : 'its records are without one';
  return { verdict: worst(findings.map(({ outcome }) => outcome)), findings, diagnosis, why };
}

function flagged({ name, detail }: Flag, source: string): Placed[] {
  if (!SIGNS.has(name) || !isFlagName(name)) return [];
  return [{ check: name, outcome: UNRANKED.has(name) ? 'unreliable' : 'sign', measured: detail, source }];
}

const isFlagName = (name: string): name is Finding['check'] => meaningOf(name) !== undefined;

/** Flags that no record has: the findings of the report itself. */
export function maskingFlags({ findings }: Masking): Flag[] {
  return findings
    .filter(({ outcome, source }) => outcome !== 'unmeasured' && outcome !== 'clear' && OWN.has(source))
    .map(({ check, measured, source }) => flag(check, `${source}: ${measured}`));
}

const OWN: ReadonlySet<string> = new Set(['diagnosis', 'attacks side by side']);

/** Names of the checks that leave no figure to compare. */
export function unreliableChecks({ findings }: Masking): string[] {
  return [...new Set(findings.filter(({ outcome }) => outcome === 'unreliable').map(({ check }) => check))];
}
