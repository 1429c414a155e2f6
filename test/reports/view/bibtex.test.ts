/** The bibliography: what plug-ins give as data, what they give in words alone, and what is no reference. */
import { expect, test } from 'vitest';
import type { PaperRecord } from '../../../records/record.ts';
import { bibtexOf } from '../../../reports/view/bibtex.ts';
import { buildView } from '../../../reports/view/leaderboard.ts';
import { syntheticRecords } from '../synthetic.ts';

/** The bibliography of one model whose defense names a paper, and one attack that names none. */
function bibliography(title: string, paper: string, references?: readonly PaperRecord[]): string {
  const records = syntheticRecords({ models: 1, n: 10, attacks: [] });
  const named = records.map((r) =>
    r.kind === 'model' ? { ...r, defense: { ...r.defense, title, paper, references } } : { ...r, attack: { ...r.attack, paper: '' } },
  );
  return bibtexOf(buildView(named));
}

test('an entry has the fields of its paper, in the order that bibliographies use', () => {
  const paper = {
    key: 'doe2031sure',
    author: 'Doe, Jane and Roe, Max',
    title: 'Sure Thing',
    venue: 'Venue',
    year: 2031,
    arxiv: '3101.00001',
  };
  expect(bibliography('Sure', 'Doe and Roe 2031 (arXiv 3101.00001)', [paper])).toBe(
    `@inproceedings{doe2031sure,
  author = {Doe, Jane and Roe, Max},
  title = {{Sure Thing}},
  booktitle = {Venue},
  year = {2031},
  eprint = {3101.00001},
  archivePrefix = {arXiv},
}
`,
  );
});

test('without a venue it is a preprint', () => {
  expect(bibliography('Sure', 'Doe 2031', [{ key: 'doe2031', author: 'Doe, Jane', title: 'Sure', year: 2031 }])).toBe(
    '@misc{doe2031,\n  author = {Doe, Jane},\n  title = {{Sure}},\n  year = {2031},\n}\n',
  );
});

test('what is given in words alone is a note under the name of the method', () => {
  expect(bibliography('Their & ours', 'Doe 2031 (arXiv 3101.00001)')).toBe(
    `@misc{doe2031arxiv310100001,
  title = {{Their \\& ours}},
  note = {Doe 2031 (arXiv 3101.00001)},
  eprint = {3101.00001},
  archivePrefix = {arXiv},
}
`,
  );
});

test('words without a year are no reference', () => {
  expect(bibliography('Plain', 'baseline')).toBe('\n');
});
