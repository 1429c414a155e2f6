/**
 * Images per second of one training or attack step on an engine, beside PyTorch's own: `npm run bench:engine -- [--peer bench/engine_peer.py]
 * [--compile default,max-autotune] [--threads 1] [--arch resnet-tiny,resnet-18] [--batch 16,64,128,512] [--task forward,...] [--rounds 3]
 * [--clock cpu]`.
 */
import { chooseEngine } from '../engines/choose.ts';
import { EAGER, type Options, readOptions } from './parts/options.ts';
import { rowsOf, titles } from './parts/ratios.ts';
import { peerRates, type Rates, rate, stepsOf } from './rates.ts';

/** PyTorch's rates as it is asked to run; none, and why, where it does not. */
function peer(options: Options, script: string, mode: string, arch: string, batch: number): Rates {
  const compile = mode === EAGER ? [] : ['--compile', mode];
  try {
    return peerRates(script, arch, { ...options, batch }, ['--task', options.tasks.join(), ...compile]);
  } catch (error) {
    console.error(`${arch}, batch ${batch}, ${mode}: ${(error as Error).message}`);
    return {};
  }
}

/** Ours and each of the peer's in turn, in each of the rounds. */
async function compare(options: Options, arch: string, batch: number): Promise<void> {
  const steps = stepsOf(arch, batch);
  const ours: Rates[] = [];
  const peers = new Map(options.modes.map((mode) => [mode, [] as Rates[]]));
  for (let round = 0; round < options.rounds; round++) {
    const rates: Rates = {};
    for (const task of options.tasks) rates[task] = await rate(steps[task], { ...options, batch });
    ours.push(rates);
    if (options.peer) for (const [mode, rounds] of peers) rounds.push(peer(options, options.peer, mode, arch, batch));
  }
  for (const row of rowsOf(options.tasks, ours, peers)) console.log([arch.padEnd(12), String(batch).padStart(5), ...row].join(' '));
}

const options = readOptions();
const { engine, info } = await chooseEngine(options.engine, { threads: options.threads });
console.log(
  `${engine.title}, ${info.version}, ${info.device}, ${info.threads} threads; images per second of ${options.clock} time, medians of ${options.rounds}`,
);
console.log(['network'.padEnd(12), 'batch', ...titles(options.modes)].join(' '));
for (const arch of options.archs) for (const batch of options.batches) await compare(options, arch, batch);
