/** Tables as CSV (RFC 4180), safe to open in a spreadsheet. */
import { stringify } from 'csv-stringify/sync';
import type { Table, Value } from './table.ts';

/** A header line of keys, then the values unrounded; text that a spreadsheet would compute gets an apostrophe in front. */
export function csvOf(table: Table): string {
  const quoted = new Map<string, string>();
  const text = (value: string): string => {
    const known = quoted.get(value);
    if (known !== undefined) return known;
    const made = stringify([[value]], { escape_formulas: true, eof: false });
    quoted.set(value, made);
    return made;
  };
  // Numbers and absent values need no quoting, and there are millions of them in the outcomes; -0.5 is no formula.
  const field = (value: Value | undefined) =>
    typeof value === 'string' ? text(value) : value === null || value === undefined ? '' : String(value);
  const header = table.columns.map((c) => text(c.key)).join(',');
  return `${header}\n${table.rows.map((row) => `${row.map(field).join(',')}\n`).join('')}`;
}
