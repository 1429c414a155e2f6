/** Live progress: lines that move on a terminal, a plain line per event elsewhere. */

import type { JobProgress } from '../harness/job/context.ts';
import type { EngineRef } from '../harness/job/engine.ts';
import type { State } from '../harness/run/attempt.ts';
import { shownRange } from '../harness/run/cuts.ts';
import type { EngineProbe } from '../harness/run/executor.ts';
import type { Plan, Planned } from '../harness/run/plan.ts';
import { Progress, type Workers } from '../harness/run/progress.ts';
import type { RunState } from '../harness/run/queue/protocol.ts';
import type { RampartRecord } from '../records/record.ts';
import type { ImageRange, ShardRecord } from '../records/shard.ts';
import { duration, percent } from '../reports/formats/format.ts';
import { dim, green, isTerminal, jobName, print, printError, red, uncoloured } from './output.ts';

const REDRAW_MS = 250;
const PLAIN_EVERY_MS = 30_000;

/** Shows a run. `stop` before anything else is printed. */
export class Display {
  #progress: Progress | undefined;
  #engine: EngineRef | undefined;
  #slots = 1;
  #timer: NodeJS.Timeout | undefined;
  #drawn = 0;
  #reused = 0;
  #lost = 0;

  engine({ info, why }: EngineProbe, slots: number): void {
    this.#engine = { name: info.name, device: info.device, threads: info.threads, precision: info.precision };
    this.#slots = slots;
    const precision = info.precision && info.precision !== 'fp32' ? `, in ${info.precision}` : '';
    print(
      `engine ${why}${precision}; ${slots} ${slots === 1 ? 'worker' : 'workers'} of ${info.threads} ${info.threads === 1 ? 'thread' : 'threads'}`,
    );
    for (const warning of info.warnings) print(dim(`  ${warning}`));
  }

  planned(plan: Plan): void {
    if (!this.#engine) return;
    this.#progress = new Progress(plan, this.#engine, this.#slots);
    print(`${plan.models.length} models, ${plan.cells.length} cells`);
    for (const text of plan.omitted) print(dim(`  left out: ${text}`));
    this.#timer = setInterval(() => this.#tick(), isTerminal ? REDRAW_MS : PLAIN_EVERY_MS);
    this.#timer.unref();
  }

  /** Who does the jobs from now on. */
  workers(workers: readonly Workers[]): void {
    this.#progress?.share(workers);
  }

  /** A worker was lost at a job. */
  lost(): void {
    this.#lost++;
  }

  /** How far the run is; undefined before there is a plan. */
  state(): RunState | undefined {
    const { finished, total } = this.#progress ?? {};
    if (finished === undefined || total === undefined) return undefined;
    return { finished, total, left: this.#progress?.timeLeft(performance.now()) ?? 0, lost: this.#lost };
  }

  started(planned: Planned, range?: ImageRange): void {
    this.#progress?.started(planned, performance.now(), range);
  }

  progress(planned: Planned, progress: JobProgress, range?: ImageRange): void {
    this.#progress?.reported(planned, progress, range);
  }

  shard(planned: Planned, range: ImageRange, record?: ShardRecord): void {
    this.#progress?.endedShard(planned, range, record?.status === 'done');
  }

  finished(planned: Planned, state: State, record: RampartRecord): void {
    this.#progress?.ended(planned, record);
    if (state === 'reused') {
      this.#reused++;
      return;
    }
    this.#clear();
    const mark = state === 'done' ? green('done  ') : red('failed');
    print(`${mark} ${this.#count()} ${jobName(planned)}  ${dim(result(record))}`);
    if (isTerminal) this.#draw();
  }

  note(text: string): void {
    this.#clear();
    printError(text, 'note');
    if (isTerminal) this.#draw();
  }

  /** Ends the moving lines. */
  stop(): void {
    clearInterval(this.#timer);
    this.#clear();
    if (this.#reused > 0) print(`${this.#reused} of ${this.#progress?.total ?? 0} jobs were there already`);
  }

  #count(): string {
    const total = String(this.#progress?.total ?? 0);
    return dim(`${String(this.#progress?.finished ?? 0).padStart(total.length)}/${total}`);
  }

  #tick(): void {
    if (isTerminal) {
      this.#clear();
      this.#draw();
    } else for (const line of this.#lines()) print(line);
  }

  #lines(): string[] {
    const progress = this.#progress;
    if (!progress || progress.running.size === 0) return [];
    const left = duration(progress.timeLeft(performance.now()));
    const lost = this.#lost === 0 ? '' : `, ${this.#lost} lost with their workers and done again`;
    const lines = [`       ${this.#count()} about ${left} left${lost}`];
    for (const { planned, range, progress: job } of progress.running.values())
      lines.push(
        `  ${jobName(planned)}${range ? `, ${shownRange(range)}` : ''}  ${dim(job ? `${percent(job.fraction)} %, ${job.detail}` : 'starting')}`,
      );
    return lines;
  }

  #draw(): void {
    const width = (process.stdout.columns ?? 80) - 1;
    const lines = this.#lines().map((line) => clip(line, width));
    for (const line of lines) print(line);
    this.#drawn = lines.length;
  }

  #clear(): void {
    if (this.#drawn > 0) process.stdout.write(`\x1b[${this.#drawn}A\x1b[J`);
    this.#drawn = 0;
  }
}

/** At most `width` visible characters: a line that wraps would not be cleared. */
function clip(line: string, width: number): string {
  const visible = uncoloured(line);
  return visible.length <= width ? line : visible.slice(0, Math.max(0, width));
}

function result(record: RampartRecord): string {
  if (record.status === 'failed') return record.error?.message ?? '';
  if (record.kind === 'cell') return `${percent(record.accuracy)} % of ${record.n} in ${duration(record.wallMs)}`;
  return record.epochs.length > 0 ? `${record.epochs.length} epochs in ${duration(record.cost.wallMs)}` : '';
}
