/** Bytes of a training's state: what is taken for one, and what is no state of this training. */
import { beforeAll, expect, test } from 'vitest';
import {
  checkVariables,
  decodeCheckpoint,
  encodeCheckpoint,
  orUnfit,
  readVariables,
  restoreVariables,
} from '../../../harness/train/checkpoint.ts';
import { newFacts } from '../../../harness/train/facts.ts';
import { type Entry, writeSafetensors } from '../../../models/safetensors.ts';
import { UnfitFile } from '../../../records/plain-file.ts';
import { tf } from '../../../tensor/tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const one = (...values: number[]): Entry => ({ shape: [values.length], data: Float32Array.from(values) });
const variable = (...values: number[]) => tf.variable(tf.tensor1d(values));

test('variables come back bit for bit, with the facts beside them', async () => {
  const values = [1 / 3, -0, 1e-38, Number.MAX_VALUE];
  const entries = await readVariables(new Map([['w', variable(...values)]]), 'param/');
  const facts = { ...newFacts(true), examples: 12 };
  const state = decodeCheckpoint(encodeCheckpoint(entries, facts));
  expect(state.facts).toEqual(facts);
  const w = variable(0, 0, 0, 0);
  restoreVariables(new Map([['w', w]]), state.entries, 'param/');
  expect(w.dataSync()).toEqual(Float32Array.from(values));
});

test.each<[string, Uint8Array, string]>([
  ['no safetensors', Buffer.from('no'), 'ends at byte 2'],
  ['no format', writeSafetensors(new Map()), 'expected format 2, got none'],
  ['another format', writeSafetensors(new Map(), { format: '1' }), 'expected format 2, got 1'],
  ['no facts', writeSafetensors(new Map(), { format: '2' }), 'expected its facts as JSON'],
  ['facts that are no JSON', writeSafetensors(new Map(), { format: '2', facts: '{' }), 'expected its facts as JSON'],
  [
    'facts of another kind',
    writeSafetensors(new Map(), { format: '2', facts: JSON.stringify({ ...newFacts(false), examples: -1 }) }),
    'is no state of this training: examples: ',
  ],
])('%s', (_, bytes, message) => {
  expect(() => decodeCheckpoint(bytes)).toThrow(UnfitFile);
  expect(() => decodeCheckpoint(bytes)).toThrow(message);
});

const groups = () => [['param/', new Map([['w', variable(1, 2)]])] as const];
const check = (entries: Record<string, Entry>, others: string[] = []) => checkVariables(groups(), new Map(Object.entries(entries)), others);

test('every variable needs an entry of its shape', () => {
  expect(() => check({ 'param/w': one(3, 4) })).not.toThrow();
  expect(() => check({})).toThrow('is no state of this training: it has nothing for param/w, expected [2]');
  expect(() => check({ 'param/w': one(3) })).toThrow('it has [1] for param/w, expected [2]');
});

test('every other entry needs a place: any of those that are told', () => {
  const more = { 'param/w': one(3, 4), 'best/w': one(1), 'state/m': one(1) };
  expect(() => check(more, ['best/', 'state/'])).not.toThrow();
  expect(() => check(more, ['best/'])).toThrow('it has state/m, which this training lacks');
  expect(() => check(more)).toThrow('it has best/w, which this training lacks');
});

test('whatever is thrown while a state is put back makes it one that does not fit', () => {
  expect(() => orUnfit(() => undefined)).not.toThrow();
  for (const thrown of [new TypeError('x is undefined'), 'x is undefined'])
    expect(() =>
      orUnfit(() => {
        throw thrown;
      }),
    ).toThrow(UnfitFile);
});
