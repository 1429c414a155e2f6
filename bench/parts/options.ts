/** What `bench:engine` is asked to measure. */
import { parseArgs } from 'node:util';
import { RampartError } from '../../errors.ts';
import { type Measure, TASKS, type Task } from '../rates.ts';

/** PyTorch as it runs without its compiler. */
export const EAGER = 'eager';

export interface Options extends Required<Omit<Measure, 'batch'>> {
  readonly archs: readonly string[];
  readonly batches: readonly number[];
  readonly tasks: readonly Task[];
  readonly rounds: number;
  readonly engine: string;
  readonly peer: string | undefined;
  /** How the peer runs: eager, and each mode of `torch.compile` asked for; none without a peer. */
  readonly modes: readonly string[];
}

const positive = (name: string, value: string) => {
  const n = Number(value);
  if (!(n > 0)) throw new RampartError(`[bench] expected --${name} > 0, got ${value}`);
  return n;
};

function tasksOf(text: string): Task[] {
  const asked = text.split(',');
  const unknown = asked.find((task) => !(TASKS as readonly string[]).includes(task));
  if (unknown !== undefined) throw new RampartError(`[bench] --task ${unknown}: known are ${TASKS.join(', ')}`);
  return asked as Task[];
}

/** Throws RampartError on a number that is not above zero, an unknown task, an unknown clock, and processor time of several threads. */
export function readOptions(args: readonly string[] = process.argv.slice(2)): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      arch: { type: 'string', default: 'resnet-tiny,resnet-18' },
      task: { type: 'string', default: TASKS.join() },
      batch: { type: 'string', default: '128' },
      seconds: { type: 'string', default: '8' },
      'at-least': { type: 'string', default: '5' },
      rounds: { type: 'string', default: '1' },
      threads: { type: 'string', default: '1' },
      clock: { type: 'string', default: 'wall' },
      engine: { type: 'string', default: 'torch' },
      peer: { type: 'string' },
      compile: { type: 'string' },
    },
  });
  const { clock, peer, compile } = values;
  const threads = positive('threads', values.threads);
  if (clock !== 'wall' && clock !== 'cpu') throw new RampartError(`[bench] --clock ${clock}: known are wall, cpu`);
  // what threads gain is no processor time
  if (clock === 'cpu' && threads > 1) throw new RampartError('[bench] --clock cpu is for --threads 1');
  return {
    archs: values.arch.split(','),
    batches: values.batch.split(',').map((size) => positive('batch', size)),
    tasks: tasksOf(values.task),
    seconds: positive('seconds', values.seconds),
    atLeast: positive('at-least', values['at-least']),
    rounds: positive('rounds', values.rounds),
    threads,
    clock,
    engine: values.engine,
    peer,
    modes: peer === undefined ? [] : [EAGER, ...(compile ? compile.split(',') : [])],
  };
}
