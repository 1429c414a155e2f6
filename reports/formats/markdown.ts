/** Tables as GitHub Markdown. */
import { narrow, printed, type Table } from './table.ts';

/** Text that Markdown shows as it is: no markup, no HTML, no cell or line break. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_{}[\]()#+!|~$]/g, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/(https?|ftp):\/\//gi, '$1&#58;//')
    .replace(/@/g, '&#64;');
}

/** A table with its caption below; numbers to the right. */
export function markdownOf(table: Table): string {
  const { columns, rows, caption } = narrow(table);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns.map((c) => escapeMarkdown(c.title))),
    line(columns.map((c) => (c.kind === 'text' ? ':--' : '--:'))),
    ...rows.map((row) => line(columns.map((c, i) => escapeMarkdown(printed(row[i], c))))),
    '',
    escapeMarkdown(caption),
    '',
  ].join('\n');
}
