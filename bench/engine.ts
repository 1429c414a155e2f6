/**
 * Images per second of one training or attack step on an engine, beside PyTorch's own: `npm run bench:engine -- [--peer bench/engine_peer.py]
 * [--compile default,max-autotune] [--threads 1] [--arch resnet-tiny,resnet-18] [--batch 16,64,128,512] [--task forward,...] [--rounds 3]
 * [--seconds 8] [--at-least 5] [--clock cpu]`.
 */
import { chooseEngine } from '../engines/choose.ts';
import { EAGER, type Options, readOptions } from './parts/options.ts';
import { Peer } from './parts/peer.ts';
import { rowsOf, titles } from './parts/ratios.ts';
import { type Rates, rate, stepsOf } from './rates.ts';

/** One round of the peer; none, and why, where it does not run as it is asked to. */
async function round(peer: Peer, where: string): Promise<Rates> {
  try {
    return await peer.rates();
  } catch (error) {
    console.error(`${where}: ${(error as Error).message}`);
    return {};
  }
}

/** PyTorch in each of the modes asked for. */
function peersOf(options: Options, arch: string, batch: number): Map<string, Peer> {
  const start = (mode: string) => {
    const compile = mode === EAGER ? [] : ['--compile', mode];
    return new Peer(options.peer as string, arch, { ...options, batch }, ['--task', options.tasks.join(), ...compile]);
  };
  return new Map(options.modes.map((mode) => [mode, start(mode)]));
}

/** Ours and each of the peers in turn, in each of the rounds. */
async function compare(options: Options, arch: string, batch: number): Promise<void> {
  const steps = stepsOf(arch, batch);
  const peers = peersOf(options, arch, batch);
  const ours: Rates[] = [];
  const theirs = new Map(options.modes.map((mode) => [mode, [] as Rates[]]));
  for (let i = 0; i < options.rounds; i++) {
    const rates: Rates = {};
    for (const task of options.tasks) rates[task] = await rate(steps[task], { ...options, batch });
    ours.push(rates);
    for (const [mode, peer] of peers) theirs.get(mode)?.push(await round(peer, `${arch}, batch ${batch}, ${mode}`));
  }
  for (const peer of peers.values()) peer.close();
  for (const row of rowsOf(options.tasks, ours, theirs)) console.log([arch.padEnd(12), String(batch).padStart(5), ...row].join(' '));
}

const options = readOptions();
const { engine, info } = await chooseEngine(options.engine, { threads: options.threads });
console.log(
  `${engine.title}, ${info.version}, ${info.device}, ${info.threads} threads; images per second of ${options.clock} time, medians of ${options.rounds}`,
);
console.log(['network'.padEnd(12), 'batch', ...titles(options.modes)].join(' '));
for (const arch of options.archs) for (const batch of options.batches) await compare(options, arch, batch);
