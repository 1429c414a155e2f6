/** Every plug-in that names a paper in words gives it as data too. */
import { expect, it } from 'vitest';
import { attacks, ensembles } from '../../attacks/index.ts';
import { defenses } from '../../defenses/index.ts';
import { paperSchema } from '../../records/record.ts';

const plugins = [...attacks, ...ensembles, ...defenses];
const papers = plugins.flatMap((p) => p.references ?? []);

it.each(plugins.map((p) => [p.name, p] as const))(
  '%s: the papers of the text are those of its references',
  (_, { paper, references = [] }) => {
    expect(references.flatMap((r) => r.arxiv ?? [])).toEqual(paper.match(/\b\d{4}\.\d{4,5}\b/g) ?? []);
    expect(references.length > 0, paper).toBe(/\d{4}/.test(paper));
    for (const reference of references) {
      expect(paperSchema.parse(reference)).toEqual(reference);
      expect(paper, reference.key).toContain(reference.author.match(/^(?:de )?([^,]+)/)?.[1]);
    }
  },
);

it('a key means one paper, and a paper has one key', () => {
  const byKey = new Map(papers.map((paper) => [paper.key, paper]));
  for (const paper of papers) expect(paper).toEqual(byKey.get(paper.key));
  expect(byKey.size).toBe(new Set(papers.map((paper) => paper.title)).size);
});
