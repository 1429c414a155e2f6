/** Every flag that the code raises is explained, on the methods page and in docs/flags.md, in the same words. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FLAGS } from '../../../reports/view/flags.ts';

const root = new URL('../../../', import.meta.url);

function expectedPage(): string {
  const head = [
    '# Flags',
    '',
    'A flag is a condition that a reader of a number should know of. It stands in the record of the model or cell that raised it, in the column Flags of the leaderboard and on the page of the model. The methods page of every site holds the same explanations.',
    '',
  ];
  const entries = Object.keys(FLAGS)
    .sort()
    .flatMap((name) => [`## \`${name}\``, '', `**${FLAGS[name]?.title}.** ${FLAGS[name]?.text}`, '']);
  return [...head, ...entries].join('\n');
}

it('docs/flags.md says what the methods page says', () => {
  expect(readFileSync(new URL('docs/flags.md', root), 'utf8')).toBe(expectedPage());
});

it('knows every flag that the harness and the attacks raise', () => {
  const files = ['harness', 'attacks', 'defenses'].flatMap((dir) => readdirSync(new URL(dir, root)).map((f) => `${dir}/${f}`));
  const raised = files
    .filter((f) => f.endsWith('.ts'))
    .flatMap((f) => [...readFileSync(new URL(f, root), 'utf8').matchAll(/name: '([a-z-]+)',\s*detail\b/g)].map((m) => m[1] as string));
  expect(raised).toContain('square-beats-gradients');
  for (const name of raised) expect(Object.keys(FLAGS)).toContain(name);
});
