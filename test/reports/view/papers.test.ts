/** Every plug-in that names a paper has its reference, not just its text. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PAPERS, UNNUMBERED } from '../../../reports/view/papers.ts';

const root = new URL('../../../', import.meta.url);

it('knows the paper of every attack and defense', () => {
  const texts = ['attacks', 'defenses'].flatMap((dir) =>
    readdirSync(new URL(dir, root))
      .filter((f) => f.endsWith('.ts'))
      .flatMap((f) => [...readFileSync(new URL(`${dir}/${f}`, root), 'utf8').matchAll(/paper: '([^']*)'/g)].map((m) => m[1] as string)),
  );
  expect(texts.length).toBeGreaterThan(10);
  for (const text of texts.filter((t) => /\d{4}/.test(t))) {
    const numbers = text.match(/\b\d{4}\.\d{4,5}\b/g) ?? [];
    expect(numbers.length > 0 ? numbers.every((n) => n in PAPERS) : text in UNNUMBERED, text).toBe(true);
  }
});

it('gives every paper a key of its own', () => {
  const keys = [...Object.values(PAPERS), ...Object.values(UNNUMBERED)].map((p) => p.key);
  expect(new Set(keys).size).toBe(keys.length);
});
