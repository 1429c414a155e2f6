/** Images per second of one training or attack step on an engine, beside PyTorch's own: `npm run bench:engine -- [--peer bench/engine_peer.py] [--threads 1] [--arch resnet-tiny,resnet-18]`. */
import { parseArgs } from 'node:util';
import { chooseEngine } from '../engines/choose.ts';
import { RampartError } from '../errors.ts';
import { type Measure, median, peerRates, type Rates, rate, stepsOf, TASKS, type Task } from './rates.ts';

interface Options extends Measure {
  readonly archs: string[];
  readonly tasks: Task[];
  readonly rounds: number;
  readonly engine: string;
  readonly peer: string | undefined;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', default: 'resnet-tiny,resnet-18' },
      task: { type: 'string', default: TASKS.join() },
      batch: { type: 'string', default: '128' },
      seconds: { type: 'string', default: '8' },
      rounds: { type: 'string', default: '1' },
      threads: { type: 'string', default: '1' },
      engine: { type: 'string', default: 'torch' },
      peer: { type: 'string' },
    },
  });
  const number = (name: 'batch' | 'seconds' | 'rounds' | 'threads') => {
    const n = Number(values[name]);
    if (!(n > 0)) throw new RampartError(`[bench] expected --${name} > 0, got ${values[name]}`);
    return n;
  };
  const tasks = values.task.split(',').filter((t): t is Task => (TASKS as readonly string[]).includes(t));
  if (tasks.length === 0) throw new RampartError(`[bench] --task ${values.task}: known are ${TASKS.join(', ')}`);
  const common = { batch: number('batch'), seconds: number('seconds'), rounds: number('rounds'), threads: number('threads') };
  return { archs: values.arch.split(','), tasks, ...common, engine: values.engine, peer: values.peer };
}

function print(arch: string, options: Options, ours: Rates[], peers: Rates[]): void {
  for (const task of options.tasks) {
    const mine = median(ours.map((r) => r[task] as number));
    const line = [arch.padEnd(12), task.padEnd(11), mine.toFixed(1).padStart(9)];
    if (peers.length > 0) {
      const ratios = ours.map((r, i) => (r[task] as number) / (peers[i]?.[task] as number));
      line.push(
        median(peers.map((r) => r[task] as number))
          .toFixed(1)
          .padStart(9),
        median(ratios).toFixed(2).padStart(6),
      );
    }
    console.log(line.join(' '));
  }
}

const options = readOptions();
const { engine, info } = await chooseEngine(options.engine, { threads: options.threads });
console.log(
  `${engine.title}, ${info.version}, ${info.device}, ${info.threads} threads, batch ${options.batch}; images per second, medians`,
);
console.log(`${'network'.padEnd(12)} ${'step'.padEnd(11)} ${'ours'.padStart(9)}${options.peer ? `${'PyTorch'.padStart(10)}  ratio` : ''}`);
for (const arch of options.archs) {
  const steps = stepsOf(arch, options.batch);
  const ours: Rates[] = [];
  const peers: Rates[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const rates: Rates = {};
    for (const task of options.tasks) rates[task] = await rate(steps[task], options);
    ours.push(rates);
    if (options.peer) peers.push(peerRates(options.peer, arch, options));
  }
  print(arch, options, ours, peers);
}
