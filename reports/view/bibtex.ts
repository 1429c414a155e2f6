/** The references of the methods used, as BibTeX. */
import type { PaperRecord } from '../../records/record.ts';
import { slug } from '../../records/slug.ts';
import type { View } from './view.ts';

/** Braces and backslashes of free text would end a field; the rest as in LaTeX. */
function field(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/[\\{}]/g, ' ')
    .replace(/[$&#%_]/g, '\\$&')
    .replace(/~/g, '\\textasciitilde ')
    .replace(/\^/g, '\\textasciicircum ')
    .replace(/"/g, "''");
}

/** One method of the records: what it names in words, and the entries that its plug-in gave for it. */
interface Cited {
  readonly title: string;
  readonly paper: string;
  readonly references?: readonly PaperRecord[];
}

const arxivNumbers = (text: string) => text.match(/\b\d{4}\.\d{4,5}\b/g) ?? [];

/** One entry for every paper that a defense or attack of the records names, each once, in key order. */
export function bibtexOf(view: View): string {
  const cited: Cited[] = [...view.models.map(({ record }) => record.defense), ...view.attacks.map(({ attack }) => attack)];
  const papers = cited.flatMap(({ references }) => references ?? []);
  const entries = new Map(papers.map((paper) => [paper.key, entryText(paper)]));
  const known = new Set(papers.map(({ arxiv }) => arxiv));
  for (const { title, paper, references } of cited) {
    // no year is no reference: "baseline"
    if (references?.length || !/\d{4}/.test(paper) || arxivNumbers(paper).some((number) => known.has(number))) continue;
    const key = slug(paper).replace(/-/g, '');
    entries.set(key, noteText(key, title, paper));
  }
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return `${sorted.map(([, text]) => text).join('\n\n')}\n`;
}

function entryText({ key, author, title, venue, year, arxiv }: PaperRecord): string {
  return [
    `@${venue === undefined ? 'misc' : 'inproceedings'}{${key},`,
    `  author = {${field(author)}},`,
    `  title = {{${field(title)}}},`,
    ...(venue === undefined ? [] : [`  booktitle = {${field(venue)}},`]),
    `  year = {${year}},`,
    ...eprint(arxiv),
    '}',
  ].join('\n');
}

/** A method that gives its source in words alone. */
function noteText(key: string, title: string, paper: string): string {
  const [arxiv, another] = arxivNumbers(paper);
  return [
    `@misc{${key},`,
    `  title = {{${field(title)}}},`,
    `  note = {${field(paper)}},`,
    ...eprint(another === undefined ? arxiv : undefined),
    '}',
  ].join('\n');
}

function eprint(arxiv: string | undefined): string[] {
  return arxiv === undefined ? [] : [`  eprint = {${field(arxiv)}},`, '  archivePrefix = {arXiv},'];
}
