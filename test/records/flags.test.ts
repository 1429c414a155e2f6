/** Every flag is explained on the methods page and in docs/flags.md in the same words; that every flag raised has an explanation is a matter of types. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FLAGS, meaningOf } from '../../records/flags.ts';

const root = new URL('../../', import.meta.url);

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

it('a flag is explained under the name of an earlier version too, and one of a plug-in is not', () => {
  expect(meaningOf('square-beats-gradients')).toBe(FLAGS['queries-beat-gradients']);
  expect(meaningOf('queries-beat-gradients')?.title).toBe('A query attack beats the gradient attacks');
  expect(['toString', 'of-a-plugin'].map(meaningOf)).toEqual([undefined, undefined]);
});
