/** Downloads, each read back: what a table holds is what a reader of the file gets, whatever a model is called. */
import { describe, expect, it } from 'vitest';
import { csvOf } from '../../../reports/formats/csv.ts';
import { jsonOf, scriptJson } from '../../../reports/formats/json.ts';
import { escapeLatex, latexOf } from '../../../reports/formats/latex.ts';
import { escapeMarkdown, markdownOf } from '../../../reports/formats/markdown.ts';
import type { Table } from '../../../reports/formats/table.ts';
import { parseCsv } from './parse-csv.ts';

const hostile = [
  '<script>alert(1)</script>',
  '=cmd()|A1',
  'a,"b"\nc',
  '@SUM(1)',
  '-1+2',
  'مرحبا',
  'a|b\\',
  '100% & $x_1^2$ #{~}',
  '',
  '{{raw}}',
];

const table: Table = {
  name: 'sample',
  caption: 'Caption with <b> & 5 %',
  columns: [
    { key: 'model', title: 'Model_name', kind: 'text' },
    { key: 'accuracy', title: 'Acc. %', kind: 'accuracy' },
    { key: 'gap', title: 'Gap', kind: 'number' },
    { key: 'flags', title: 'Flags', kind: 'text', wide: true },
  ],
  rows: hostile.map((name, i) => [name, 0.4521, i === 0 ? null : -0.5, true]),
};

describe('CSV', () => {
  it('gives back every text and number, and no cell that a spreadsheet would compute', () => {
    const [header, ...rows] = parseCsv(csvOf(table));
    expect(header).toEqual(['model', 'accuracy', 'gap', 'flags']);
    expect(rows.map((r) => r[0]?.replace(/^'/, ''))).toEqual(hostile);
    for (const row of rows) expect(row[0]).not.toMatch(/^[=+\-@\t\r]/);
    expect(rows.map((r) => r.slice(1))).toEqual(hostile.map((_, i) => ['0.4521', i === 0 ? '' : '-0.5', 'true']));
  });
});

describe('JSON', () => {
  it('gives back the rows as objects', () => {
    const { rows, caption } = JSON.parse(jsonOf(table));
    expect(caption).toBe(table.caption);
    expect(rows[1]).toEqual({ model: '=cmd()|A1', accuracy: 0.4521, gap: -0.5, flags: true });
    expect(rows).toHaveLength(hostile.length);
  });

  it('inside a script holds no tag and evaluates to the same value', () => {
    const text = scriptJson({ name: '</script><!--\u2028' });
    expect(text).not.toMatch(/[<>\u2028]/);
    expect(new Function(`return ${text}`)()).toEqual({ name: '</script><!--\u2028' });
  });
});

describe('LaTeX', () => {
  it('is booktabs with one row per model, without the wide columns', () => {
    const text = latexOf(table);
    expect(text).toContain('\\begin{tabular}{lrr}');
    expect(text).toContain('  Model\\_name & Acc. \\% & Gap \\\\');
    expect(text.match(/\\\\$/gm)).toHaveLength(1 + hostile.length);
    for (const rule of ['\\toprule', '\\midrule', '\\bottomrule']) expect(text).toContain(rule);
  });

  it('escapes what LaTeX would read as a command', () => {
    expect(escapeLatex('100% & $x_1^2$ #{~}\\')).toBe(
      '100\\% \\& \\$x\\_1\\textasciicircum{}2\\$ \\#\\{\\textasciitilde{}\\}\\textbackslash{}',
    );
    // After \\ a star or bracket would be an argument, and dashes would join.
    expect(escapeLatex('*a [b] --c')).toBe('{*}a {[}b{]} -{}-c');
    expect(escapeLatex('a\nb')).toBe('a b');
  });
});

describe('Markdown', () => {
  it('has one line per row and no markup from names', () => {
    const lines = markdownOf(table).split('\n');
    expect(lines[0]).toBe('| Model\\_name | Acc. % | Gap |');
    expect(lines[2]).toContain('&lt;script&gt;');
    expect(lines.filter((l) => l.startsWith('|'))).toHaveLength(2 + hostile.length);
    for (const line of lines.slice(0, 2 + hostile.length)) expect(line.replace(/\\./g, '').match(/\|/g)).toHaveLength(4);
  });

  it('leaves no link, image or mention', () => {
    expect(escapeMarkdown('![x](http://e.org) @who `y`')).toBe('\\!\\[x\\]\\(http&#58;//e.org\\) &#64;who \\`y\\`');
  });
});
