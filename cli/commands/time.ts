/** `rampart time`: what a step of every defense and attack costs, as a ratio to a standard training step. */

import type { AttackPlugin } from '../../attacks/attack.ts';
import { attacks } from '../../attacks/index.ts';
import type { TrainingDefense } from '../../defenses/defense.ts';
import { defenses } from '../../defenses/index.ts';
import { chooseEngine } from '../../engines/choose.ts';
import { MOST_PROCESSORS } from '../../harness/suite/most.ts';
import { measureSteps, type StepTime } from '../../harness/timing.ts';
import { countOption, engineOf, type RawOptions, UsageError } from '../options.ts';
import { dim, print, printBlock, printJson, red, table } from '../output.ts';

export interface TimeOptions extends RawOptions {
  arch?: string;
  batch?: unknown;
  rounds?: unknown;
}

/** On random images of 32x32x3: the cost of a step does not depend on what they show. */
export async function timeCommand(options: TimeOptions, signal: AbortSignal): Promise<number> {
  const { info, why } = await chooseEngine(engineOf(options) ?? 'auto', {
    threads: countOption('threads', options.threads, MOST_PROCESSORS) ?? 1,
  });
  const rounds = countOption('rounds', options.rounds) ?? 10;
  if (rounds < 2) throw new UsageError(`[--rounds] expected at least 2, got ${rounds}`);
  const trained = defenses.filter((d): d is TrainingDefense => d.kind === 'training');
  const standard = trained.find((d) => d.name === 'standard');
  if (!standard) throw new UsageError('[time] there is no defense "standard" to compare with');
  const batchSize = countOption('batch', options.batch) ?? 128;
  const arch = options.arch ?? 'resnet-tiny';
  if (!options.json) print(dim(`${arch}, batch ${batchSize}, ${rounds} rounds; engine ${why}, ${info.threads} threads`));
  const { measured, unmeasured } = await measureSteps({
    arch,
    inputShape: [32, 32, 3],
    classes: 10,
    batchSize,
    rounds,
    warmup: 2,
    threat: { norm: 'Linf', eps: 8 / 255 },
    standard,
    defenses: trained,
    attacks: attacks as readonly AttackPlugin[],
    signal,
    onProgress: (done, total) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[Kround ${done} of ${total}${done === total ? '\n' : ''}`);
    },
  });
  if (options.json) printJson({ engine: info, arch, batchSize, rounds, measured, unmeasured });
  else {
    printBlock(timingTable(measured));
    for (const { kind, name, error } of unmeasured) print(`${red('not measured')} ${kind} ${name}: ${error}`);
  }
  return unmeasured.length === 0 ? 0 : 1;
}

function timingTable(measured: readonly StepTime[]): string {
  const rows = measured.map((m) => [
    m.kind,
    m.name,
    m.stepMs.toFixed(1),
    m.ratio.toFixed(2),
    `±${m.marginOfError.toFixed(2)}`,
    m.passes.forward.toFixed(1),
    m.passes.backward.toFixed(1),
    m.gflops.toPrecision(3),
  ]);
  return table(['kind', 'name', 'ms per step', 'ratio', '95 %', 'forward', 'backward', 'GFLOP/s'], rows, new Set([2, 3, 4, 5, 6, 7]));
}
