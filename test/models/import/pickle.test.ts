/** Operations of pickle that torch.save seldom writes, each against the value that Python's pickle gives. */
import { expect, it } from 'vitest';
import { Made, unpickle } from '../../../models/import/pickle.ts';

const read = (...parts: (string | number[])[]) =>
  unpickle(Buffer.concat(parts.map((p) => (typeof p === 'string' ? Buffer.from(p) : Buffer.from(p)))), 'w.pt').value;

it.each<[string, (string | number[])[], unknown]>([
  ['a boolean of protocol 0', ['I01\n.'], true],
  ['its other', ['I00\n.'], false],
  ['an integer of protocol 0', ['I12\n.'], 12],
  ['a long of protocol 0', ['L-7L\n.'], -7],
  ['a float of protocol 0', ['F0.5\n.'], 0.5],
  ['a long of no bytes', [[0x8a, 0], '.'], 0],
  ['a negative long', [[0x8a, 2, 0x00, 0xff], '.'], -256],
  ['a positive long whose highest byte is spent on its sign', [[0x8a, 2, 0xff, 0x00], '.'], 255],
  ['a long with four bytes of length', [[0x8b, 1, 0, 0, 0, 5], '.'], 5],
  ['a text of 8 bytes of length', [[0x8d, 2, 0, 0, 0, 0, 0, 0, 0], 'ü.'], 'ü'],
  ['a text of protocol 2', [[0x54, 2, 0, 0, 0], 'ü.'], 'ü'],
  ['a short text of protocol 2', [[0x55, 2], 'ü.'], 'ü'],
  ['a frozen set', ['(', [0x4b, 1, 0x4b, 2, 0x91], '.'], new Set([1, 2])],
  ['a set that is added to', [[0x8f, 0x28, 0x4b, 3, 0x90], '.'], new Set([3])],
  ['a set of protocol 2, of either Python', ['c__builtin__\nset\n(', [0x4b, 1, 0x6c, 0x85, 0x52], '.'], new Set([1])],
  ['a dictionary of what lies above the mark', ['(', [0x4b, 1, 0x4b, 2], 'd.'], new Map([[1, 2]])],
  ['an ordered dictionary of pairs', ['ccollections\nOrderedDict\n(((', [0x4b, 1, 0x4b, 2, 0x6c], 'ltR.'], new Map([[1, 2]])],
  ['an ordered dictionary of another', ['ccollections\nOrderedDict\n(', '(', [0x4b, 1, 0x4b, 2], 'dtR.'], new Map([[1, 2]])],
])('%s', (_, parts, value) => {
  expect(read(...parts)).toEqual(value);
});

it('an object that is a dictionary of attributes keeps its state, inert', () => {
  const made = read('cmy\nNet\n(tR', '(', [0x4b, 1, 0x4b, 2], 'd', 'b.');
  expect(made).toBeInstanceOf(Made);
  expect(made).toMatchObject({ of: 'my.Net', args: [], state: new Map([[1, 2]]) });
});

it('the place of what is cut off is where it begins', () => {
  expect(() => read([0x55, 9], 'abc')).toThrow('it ends in the middle of an operation at byte 2 of its pickle');
});

it.each<[string, (string | number[])[], string]>([
  ['an unknown operation', [[0xfe]], 'operation 0xfe is none of pickle'],
  ['a key without a value', ['(', [0x4b, 1], 'd.'], 'a key without a value'],
  ['items for no dictionary', [[0x4b, 1, 0x4b, 2, 0x4b, 3], 's.'], 'items were put into no dictionary'],
  ['values for no list', [[0x4b, 1, 0x4b, 2], 'a.'], 'values were appended to no list'],
  ['a number that is none', ['Iseven\n.'], '"seven" is no number'],
  ['a long of 33 bytes', [[0x8a, 33]], 'a number of 33 bytes'],
  ['a line without an end', ['I12'], 'it ends in the middle of a line'],
  ['a text that is cut off', [[0x55, 9], 'abc'], 'it ends in the middle of an operation'],
  ['nothing to take', ['.'], 'an operation takes more values than there are'],
  ['no mark', [[0x4e], 't.'], 'an operation lacks its mark'],
  ['a memo that was never set', [[0x68, 4], '.'], 'memo 4 was never set'],
  ['pairs that are none', ['ccollections\nOrderedDict\n((', [0x4b, 1], 'ltR.'], 'a dictionary was made of no pairs'],
])('%s is refused with the place', (_, parts, message) => {
  expect(() => read(...parts)).toThrow(message);
  expect(() => read(...parts)).toThrow(/^\[weights\] w\.pt: .* at byte \d+ of its pickle$/);
});
