/** What `bench:engine` asks of its peer, and the ratios that it prints. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOptions } from '../../bench/parts/options.ts';
import { Peer } from '../../bench/parts/peer.ts';
import { ratioOf, rowsOf, titles } from '../../bench/parts/ratios.ts';
import { peerRates, type Rates, rate } from '../../bench/rates.ts';
import { freshFolder } from '../harness/folders.ts';

const OURS: Rates[] = [{ forward: 300 }, { forward: 200 }, { forward: 240 }];
const EAGER: Rates[] = [{ forward: 200 }, { forward: 100 }, { forward: 200 }];
const COMPILED: Rates[] = [{ forward: 150 }, { forward: 160 }, { forward: 240 }];

test('the ratio is the median over rounds, to the mode of the peer whose median is the best', () => {
  expect(ratioOf('forward', OURS, new Map([['eager', EAGER]]))).toBe(1.5);
  // 200 for eager, 160 for the compiler: a round in which the compiler was faster changes no side
  const both = new Map([
    ['eager', EAGER],
    ['default', COMPILED],
  ]);
  expect(ratioOf('forward', OURS, both)).toBe(1.5);
  expect(ratioOf('forward', OURS, new Map([['default', COMPILED]]))).toBe(1.25);
});

test('a mode that failed in a round is no side of a ratio', () => {
  const peers = new Map([
    ['eager', EAGER],
    ['max-autotune', [{ forward: 1000 }, {}, { forward: 1000 }]],
  ]);
  expect(ratioOf('forward', OURS, peers)).toBe(1.5);
  expect(ratioOf('forward', OURS, new Map([['max-autotune', [{}, {}, {}]]]))).toBeUndefined();
  expect(rowsOf(['forward'], OURS, new Map([['eager', [{}, {}, {}]]])).map((row) => row.map((cell) => cell.trim()))).toEqual([
    ['forward', '240.0', '-', '-'],
  ]);
});

test('a row has a cell for each title', () => {
  const peers = new Map([
    ['eager', EAGER],
    ['default', COMPILED],
  ]);
  const [row] = rowsOf(['forward'], OURS, peers);
  expect(row?.map((cell) => cell.trim())).toEqual(['forward', '240.0', '200.0', '160.0', '1.50']);
  expect(titles(['eager', 'default']).map((title) => title.trim())).toEqual(['step', 'ours', 'eager', 'default', 'ratio']);
  expect(rowsOf(['forward'], OURS, new Map())[0]).toHaveLength(titles([]).length);
});

test('batches, modes and the clock are read from the command line', () => {
  const options = readOptions([
    '--batch',
    '16,512',
    '--peer',
    'peer.py',
    '--compile',
    'default,max-autotune',
    '--clock',
    'cpu',
    '--at-least',
    '3',
  ]);
  expect(options).toMatchObject({ batches: [16, 512], modes: ['eager', 'default', 'max-autotune'], clock: 'cpu', atLeast: 3, rounds: 1 });
  expect(readOptions(['--compile', 'default']).modes).toEqual([]);
});

test.each([
  [['--batch', '16,none'], /expected --batch > 0, got none/],
  [['--task', 'forward,backward'], /--task backward: known are forward, input_grad/],
  [['--clock', 'sun'], /--clock sun: known are wall, cpu/],
  [['--clock', 'cpu', '--threads', '2'], /--clock cpu is for --threads 1/],
])('%j is refused', (args, message) => {
  expect(() => readOptions(args)).toThrow(message);
});

test('the peer is given batch, time, clock and threads, and runs the steps that are asked for', () => {
  const script = join(freshFolder(), 'peer');
  writeFileSync(
    script,
    `#!${process.execPath}
const { OMP_NUM_THREADS: threads } = process.env;
console.log(JSON.stringify({ images_per_second: { args: process.argv.slice(2).join(' '), threads } }));
`,
  );
  chmodSync(script, 0o755);
  const got = peerRates(script, 'resnet-tiny', { batch: 16, seconds: 2, threads: 3, atLeast: 4, clock: 'cpu' }, ['--task', 'forward']);
  expect(got).toEqual({
    args: '--arch resnet-tiny --batch 16 --seconds 2 --at-least 4 --clock cpu --layout channels_last --task forward',
    threads: '3',
  });
  expect(() => peerRates('/nonexistent/peer.py', 'resnet-tiny', { batch: 16, seconds: 2, threads: 1 })).toThrow(/the peer .* ended with/);
});

test('a peer that stays answers each round, and is told to have ended where it does', async () => {
  const script = join(freshFolder(), 'peer');
  writeFileSync(
    script,
    `#!${process.execPath}
let round = 0;
process.stdin.on('data', () => {
  if (round === 2) process.exit(1);
  console.log(JSON.stringify({ images_per_second: { forward: ++round } }));
});
`,
  );
  chmodSync(script, 0o755);
  const peer = new Peer(script, 'resnet-tiny', { batch: 16, seconds: 1, threads: 1 });
  expect([await peer.rates(), await peer.rates()]).toEqual([{ forward: 1 }, { forward: 2 }]);
  await expect(peer.rates()).rejects.toThrow(/ended before it had an answer/);
  await expect(peer.rates()).rejects.toThrow(/ended before it had an answer/);
  peer.close();
  await expect(new Peer('/nonexistent/peer.py', 'resnet-tiny', { batch: 16, seconds: 1, threads: 1 }).rates()).rejects.toThrow(
    /ended before/,
  );
});

test('processor time leaves out what a step waits, wall time does not', async () => {
  const wait = () => new Promise<void>((resolve) => setTimeout(resolve, 40));
  const wall = await rate(wait, { batch: 4, seconds: 0.01, atLeast: 3 });
  expect(wall).toBeLessThan(110);
  expect(await rate(wait, { batch: 4, seconds: 0.01, atLeast: 3, clock: 'cpu' })).toBeGreaterThan(2 * wall);
});
