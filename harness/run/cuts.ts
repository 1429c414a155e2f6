/** Which cells are cut into shards, and where. No result depends on it. */
import type { ImageRange } from '../../records/shard.ts';
import { shardKey } from '../../records/shard.ts';
import type { Store } from '../../records/store.ts';
import type { EngineRef } from '../job/engine.ts';
import type { CellJob } from '../job/job.ts';
import type { ShardChoice } from '../suite/schema.ts';
import type { PlannedCell } from './plan.ts';

/** About how long a shard takes, in seconds: a worker that is lost costs its last stage, and the start of a process little. */
const SHARD_SECONDS = 600;

/** What takes no longer is left whole. */
const LONG_SECONDS = 1.5 * SHARD_SECONDS;

/** Fewer images than these do not fill a pass: on a CPU, and on a GPU. */
const FEWEST = { cpu: 16, gpu: 128 };

/** `images 32 to 63`, by their places in the cell. */
export const shownRange = ({ from, count }: ImageRange) => `images ${from} to ${from + count - 1}`;

/** Whether a cell may be cut: its attack works image by image, none of its members runs by what others found, and its model has no account of what it was asked. */
export function cuttable({ label, model, together, threat }: PlannedCell): boolean {
  const { origin } = model.job;
  const isEndpoint = origin.by === 'outside' && 'model' in origin.source && origin.source.model.via === 'http';
  return label !== 'clean' && threat.kind !== 'corruption' && !isEndpoint && !together;
}

/** Images of each shard of a cell that takes so many seconds on one worker; undefined where it is left whole. */
export function imagesPerShard(planned: PlannedCell, choice: ShardChoice, seconds: number, device: string): number | undefined {
  const { n } = planned;
  if (choice === 'off' || !cuttable(planned)) return undefined;
  if (choice !== 'auto') return choice < n ? choice : undefined;
  if (seconds < LONG_SECONDS) return undefined;
  const size = Math.max(Math.ceil(n / Math.ceil(seconds / SHARD_SECONDS)), device === 'cpu' ? FEWEST.cpu : FEWEST.gpu);
  return size < n ? size : undefined;
}

/** `n` images in ranges of `size`, around those of `kept` that do not overlap one before them. */
export function cut(n: number, size: number, kept: readonly ImageRange[] = []): ImageRange[] {
  const ends = (range: ImageRange) => range.from + range.count;
  const fixed: ImageRange[] = [];
  for (const range of kept)
    if (ends(range) <= n && fixed.every((other) => ends(range) <= other.from || ends(other) <= range.from)) fixed.push(range);
  fixed.sort((a, b) => a.from - b.from);
  const ranges: ImageRange[] = [];
  let next = 0;
  for (const range of [...fixed, { from: n, count: 0 }]) {
    for (; next < range.from; next += size) ranges.push({ from: next, count: Math.min(size, range.from - next) });
    if (range.count > 0) ranges.push(range);
    next = ends(range);
  }
  return ranges;
}

export interface CutOptions {
  readonly choice: ShardChoice;
  readonly store: Store;
  readonly engine: EngineRef;
  /** What a cell is expected to take on one worker now. */
  seconds(planned: PlannedCell): number;
}

export class Cuts {
  readonly #options: CutOptions;
  /** Cells of which shards were there when the run began. */
  readonly #begun: Promise<ReadonlyMap<string, readonly ImageRange[]>>;

  constructor(options: CutOptions) {
    this.#options = options;
    this.#begun = options.store.shards();
  }

  /** The shards of a cell, those that are there among them; undefined where it is done in one piece. */
  async of(planned: PlannedCell, job: CellJob): Promise<ImageRange[] | undefined> {
    const { choice, store, engine, seconds } = this.#options;
    const size = imagesPerShard(planned, choice, seconds(planned), engine.device);
    if (size === undefined && !(await this.#begun).has(job.key)) return undefined;
    const begun = (await store.shards()).get(job.key) ?? [];
    // what was begun in one piece goes on in one
    if (begun.length === 0 && (size === undefined || (await this.#isBegunWhole(job)))) return undefined;
    const done = new Set<ImageRange>();
    for (const range of begun) if ((await store.record('shard', shardKey(job.key, range)))?.status === 'done') done.add(range);
    return cut(planned.n, size ?? planned.n, [...done, ...begun.filter((range) => !done.has(range))]);
  }

  async #isBegunWhole({ key }: CellJob): Promise<boolean> {
    return (await this.#options.store.checkpoint('cell', key).load(() => true)) ?? false;
  }
}
