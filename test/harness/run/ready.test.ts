import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ready } from '../../../harness/run/ready.ts';

test('the most work behind comes first, and of equals who came first', () => {
  const ready = new Ready<string>();
  for (const [item, behind] of [
    ['a', 1],
    ['b', 3],
    ['c', 1],
    ['d', 3],
    ['e', 2],
  ] as const)
    ready.add(item, behind);
  expect([1, 2, 3, 4, 5, 6].map(() => ready.take())).toEqual(['b', 'd', 'e', 'a', 'c', undefined]);
});

test('it is a stable sort, however adding and taking go in turns', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 5 }), { freq: 3 })), (steps) => {
      const ready = new Ready<number>();
      let plain: { behind: number; at: number }[] = [];
      for (const [at, behind] of steps.entries()) {
        if (behind !== null) {
          ready.add(at, behind);
          plain.push({ behind, at });
          continue;
        }
        const [first] = plain.toSorted((a, b) => b.behind - a.behind);
        plain = plain.filter((each) => each !== first);
        expect(ready.take()).toBe(first?.at);
      }
    }),
  );
});
