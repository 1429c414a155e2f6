/** Tables as LaTeX with booktabs, ready for \input. */
import { narrow, printed, type Table } from './table.ts';

const ESCAPES: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  $: '\\$',
  '&': '\\&',
  '#': '\\#',
  '%': '\\%',
  _: '\\_',
  '^': '\\textasciicircum{}',
  '~': '\\textasciitilde{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '|': '\\textbar{}',
  '"': '\\textquotedbl{}',
  "'": '{\\textquotesingle}',
  '*': '{*}',
  '`': '\\textasciigrave{}',
  '[': '{[}',
  ']': '{]}',
  '–': '\\textendash{}',
  '×': '$\\times$',
  '±': '$\\pm$',
  '·': '$\\cdot$',
};

/** Text that LaTeX prints as it is: no command, no group, no row break in it. */
export function escapeLatex(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/[\\{}$&#%_^~<>|"'`*[\]–×±·]/g, (c) => ESCAPES[c] as string)
    .replace(/--+/g, (dashes) => [...dashes].join('{}'));
}

/** A `table` environment: `\toprule`, headings, rows, `\bottomrule`, with caption and label. Needs booktabs, textcomp and a T1 font encoding. */
export function latexOf(table: Table): string {
  const { columns, rows, caption, name } = narrow(table);
  const line = (cells: readonly string[]) => `  ${cells.map(escapeLatex).join(' & ')} \\\\`;
  return [
    '% needs \\usepackage[T1]{fontenc}, \\usepackage{textcomp} and \\usepackage{booktabs}',
    '\\begin{table}',
    '\\centering',
    `\\caption{${escapeLatex(caption)}}`,
    `\\label{tab:${name.replace(/[^a-z0-9-]/g, '-')}}`,
    `\\begin{tabular}{${columns.map((c) => (c.kind === 'text' ? 'l' : 'r')).join('')}}`,
    '  \\toprule',
    line(columns.map((c) => c.title)),
    '  \\midrule',
    ...rows.map((row) => line(columns.map((c, i) => printed(row[i], c)))),
    '  \\bottomrule',
    '\\end{tabular}',
    '\\end{table}',
    '',
  ].join('\n');
}
