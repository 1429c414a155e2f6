/** How many images one pass of an attack holds: as many as fit, found by trying, and remembered. No result depends on it. */
import { freemem } from 'node:os';
import { keyOf } from '../../records/hash.ts';
import type { KnownBatchSize } from '../../records/run-index.ts';
import type { EngineRef } from '../job/engine.ts';
import type { Planned } from './plan.ts';

/** Beyond so many images a pass is no faster per image: on a CPU, whose caches hold fewer, and on a GPU. */
const ENOUGH = { cpu: 128, gpu: 1024 };

/** A pass forward and back holds each activation and its gradient, as float32. */
const BYTES_PER_ACTIVATION = 8;

export interface BatchSizeOptions {
  /** Asked for by the user: where every network begins. */
  readonly given?: number;
  /** One per worker. */
  readonly slots: readonly EngineRef[];
  /** Free on the machine, in bytes. */
  readonly memory?: number;
  /** What earlier runs have found. */
  readonly known?: readonly KnownBatchSize[];
}

export class BatchSizes {
  readonly #options: BatchSizeOptions;
  /** By what decides whether a batch fits. */
  readonly #found: Map<string, number>;

  constructor(options: BatchSizeOptions) {
    this.#options = options;
    this.#found = new Map(options.known?.map(({ of, size }) => [of, size]));
  }

  /** What the next pass of a job should hold. */
  of(planned: Planned): number {
    return Math.min(this.#found.get(this.#network(planned)) ?? Number.POSITIVE_INFINITY, this.#first(planned));
  }

  /** Notes that `size` images of this job did not fit. False where fewer cannot be tried. */
  tooMany(planned: Planned, size: number): boolean {
    // a training's batch size is a part of its recipe: another would be another training
    if (planned.kind === 'model' || size <= 1) return false;
    const half = Math.floor(size / 2);
    // jobs beside it may have failed at the same size, or found a smaller one
    this.#found.set(this.#network(planned), Math.min(half, this.of(planned)));
    return true;
  }

  /** What was too much is not tried again by a run that is given this. */
  known(): KnownBatchSize[] {
    return [...this.#found].map(([of, size]) => ({ of, size }));
  }

  #first(planned: Planned): number {
    const { given, slots, memory = freemem() } = this.#options;
    if (given !== undefined) return given;
    const onCpu = slots.every(({ device }) => device === 'cpu');
    if (!onCpu) return ENOUGH.gpu; // its memory is its own, and it says when there is no more
    // a machine that runs out of memory ends processes, and not always the one that took it: begin where half of it is enough
    const { activations } = planned.kind === 'model' ? planned : planned.model;
    const fitting = memory / 2 / slots.length / (BYTES_PER_ACTIVATION * activations);
    return Math.max(1, Math.min(ENOUGH.cpu, 2 ** Math.floor(Math.log2(fitting))));
  }

  #network(planned: Planned): string {
    const { arch, data, engine } = planned.kind === 'model' ? planned.job : planned.model.job;
    const { given, slots } = this.#options;
    return keyOf({ arch, data: data.plugin, engine, workers: slots.length, given });
  }
}
