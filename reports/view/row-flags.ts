/** The flags of a row: those of its records, and those that only the board can raise. */
import { flag } from '../../records/flags.ts';
import type { CellRecord } from '../../records/record.ts';
import type { Masking } from './masking/masking.ts';
import { maskingFlags } from './masking/report.ts';
import type { ModelView, Row } from './view.ts';

/** Whether an attack was tried and failed; one that waited for a job that failed was not tried. */
export const hasFailed = (cell: CellRecord) => cell.status === 'failed' && cell.error?.kind !== 'dependency';

/** `unranked` is why the model has no rank. */
export function flagsOf(
  { record }: ModelView,
  cells: ReadonlyMap<string, CellRecord>,
  masking: Masking,
  unranked: string | undefined,
): Row['flags'] {
  const flags: Row['flags'] = record.flags.map((own) => ({ flag: own, cell: undefined }));
  for (const cell of cells.values()) for (const own of cell.flags) flags.push({ flag: own, cell });
  for (const own of maskingFlags(masking)) flags.push({ flag: own, cell: undefined });
  if (record.status === 'failed') {
    flags.push({ flag: flag('model-failed', record.error?.message ?? 'no reason recorded'), cell: undefined });
  } else if (unranked !== undefined) {
    flags.push({ flag: flag('incomplete', `not ranked: ${unranked}`), cell: undefined });
  }
  for (const cell of [...cells.values()].filter(hasFailed))
    flags.push({ flag: flag('attack-failed', `${cell.attack.label}: ${cell.error?.message ?? 'no reason recorded'}`), cell });
  return flags;
}
