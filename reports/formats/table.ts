/** A table as data: what every download and every data view of a picture is written from. */

export type Value = string | number | boolean | null;

export interface Column {
  /** The name in CSV and JSON. */
  readonly key: string;
  /** The heading on a page, in LaTeX and Markdown. */
  readonly title: string;
  /** `accuracy` is in [0,1] and printed in percent; `number` is printed to four figures. */
  readonly kind: 'text' | 'accuracy' | 'count' | 'number';
  /** Left out of LaTeX and Markdown, which have a page's width. */
  readonly wide?: boolean;
}

export interface Table {
  /** The stem of its files. */
  readonly name: string;
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Value[])[];
}

/** A value as a reader sees it. */
export function printed(value: Value | undefined, column: Column): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  if (column.kind === 'accuracy') return (100 * value).toFixed(1);
  if (column.kind === 'count') return String(value);
  return String(Number(value.toPrecision(4)));
}

/** The table without the columns that a printed page has no room for. */
export function narrow(table: Table): Table {
  const keep = table.columns.map((c) => !c.wide);
  return { ...table, columns: table.columns.filter((_, i) => keep[i]), rows: table.rows.map((row) => row.filter((_, i) => keep[i])) };
}
