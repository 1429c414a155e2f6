/** Tables as CSV (RFC 4180), safe to open in a spreadsheet. */
import { stringify } from 'csv-stringify/sync';
import type { Table } from './table.ts';

/** A header line of keys, then the values unrounded; text that a spreadsheet would compute is quoted with an apostrophe. */
export function csvOf(table: Table): string {
  return stringify(
    table.rows.map((row) => [...row]),
    {
      header: true,
      columns: table.columns.map((c) => ({ key: c.key, header: c.key })),
      escape_formulas: true,
      // A number is never a formula: -0.5 stays a number.
      cast: { number: (value) => ({ value: String(value), escape_formulas: false }), boolean: (value) => (value ? 'true' : 'false') },
    },
  );
}
