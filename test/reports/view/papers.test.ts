/** Every plug-in that names a paper has its reference, not just its text. */
import { expect, it } from 'vitest';
import { attacks, ensembles } from '../../../attacks/index.ts';
import { defenses } from '../../../defenses/index.ts';
import { PAPERS, UNNUMBERED } from '../../../reports/view/papers.ts';

it('knows the paper of every attack and defense', () => {
  const texts = [...attacks, ...ensembles, ...defenses].map(({ paper }) => paper);
  for (const text of texts.filter((t) => /\d{4}/.test(t))) {
    const numbers = text.match(/\b\d{4}\.\d{4,5}\b/g) ?? [];
    expect(numbers.length > 0 ? numbers.every((n) => n in PAPERS) : text in UNNUMBERED, text).toBe(true);
  }
});

it('gives every paper a key of its own', () => {
  const keys = [...Object.values(PAPERS), ...Object.values(UNNUMBERED)].map((p) => p.key);
  expect(new Set(keys).size).toBe(keys.length);
});
