/** Tables and records as JSON. */
import type { Table, Value } from './table.ts';

/** The rows as objects by column key, one per line. */
export function jsonOf(table: Table): string {
  const rows = table.rows.map((row) => {
    const object: Record<string, Value> = {};
    for (const [i, column] of table.columns.entries()) object[column.key] = row[i] ?? null;
    return JSON.stringify(object);
  });
  const columns = table.columns.map((c) => ({ key: c.key, title: c.title, kind: c.kind }));
  return `{"caption":${JSON.stringify(table.caption)},\n"columns":${JSON.stringify(columns)},\n"rows":[\n${rows.join(',\n')}\n]}\n`;
}

/** A value as the text of a script: valid JavaScript, and inert inside HTML too. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
