/** The references of the methods used, as BibTeX. */

import { slug } from '../../records/slug.ts';
import type { View } from './leaderboard.ts';
import { PAPERS, type Paper, UNNUMBERED } from './papers.ts';

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

/** One entry for every paper that a defense or attack of the records names, each once, in key order. */
export function bibtexOf(view: View): string {
  const papers = new Map<string, string>();
  for (const { record } of view.models) papers.set(record.defense.paper, record.defense.title);
  for (const { attack } of view.attacks) papers.set(attack.paper, attack.title);
  const entries = new Map<string, string>();
  for (const [paper, title] of papers) {
    // Not a reference: "baseline".
    if (!/\d{4}/.test(paper)) continue;
    const numbers = paper.match(/\b\d{4}\.\d{4,5}\b/g) ?? [];
    const known = numbers.filter((n) => Object.hasOwn(PAPERS, n));
    for (const arxiv of known) {
      const entry = PAPERS[arxiv] as Paper;
      entries.set(entry.key, entryText(entry, arxiv));
    }
    const unnumbered = Object.hasOwn(UNNUMBERED, paper) ? UNNUMBERED[paper] : undefined;
    if (unnumbered) entries.set(unnumbered.key, entryText(unnumbered));
    else if (known.length === 0) {
      const key = slug(paper).replace(/-/g, '');
      entries.set(key, `@misc{${key},\n  title = {{${field(title)}}},\n  note = {${field(paper)}}\n}`);
    }
  }
  return `${[...entries]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => text)
    .join('\n\n')}\n`;
}

function entryText(e: Paper, arxiv?: string): string {
  const preprint = e.venue === 'arXiv preprint';
  const kind = preprint ? 'misc' : 'inproceedings';
  const venue = preprint ? [] : [`  booktitle = {${e.venue}},`];
  return [
    `@${kind}{${e.key},`,
    `  author = {${e.author}},`,
    `  title = {{${e.title}}},`,
    ...venue,
    `  year = {${e.year}},`,
    ...(arxiv === undefined ? [] : [`  eprint = {${arxiv}},`, '  archivePrefix = {arXiv},']),
    '}',
  ].join('\n');
}
