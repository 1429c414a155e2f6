/** One training: epochs, validation, the kept weights, checkpoints, cost. The defense supplies crafting and objective. */
import type { Training, TrainingBatch } from '../../defenses/defense.ts';
import { RampartError } from '../../errors.ts';
import { checkEntries } from '../../models/graph/parameters.ts';
import { createNetwork } from '../../models/index.ts';
import type { Network } from '../../models/network.ts';
import type { Entry } from '../../models/safetensors.ts';
import { UnfitFile } from '../../records/plain-file.ts';
import { tf } from '../../tensor/tf.ts';
import { awakeNow, stopwatch } from '../awake.ts';
import { learningRateAt } from '../suite/recipe.ts';
import { BatchesAhead, trainingBatch } from './batch.ts';
import { checkVariables, encodeCheckpoint, orUnfit, readVariables, restoreVariables, type TrainingState } from './checkpoint.ts';
import { add, type Cost, type Facts, newFacts, type Sums, totalCost } from './facts.ts';
import { trainingFlags } from './flags.ts';
import { MovingAverage } from './optimizer.ts';
import { epochsUntil, pointsDue } from './points.ts';
import { Helper, type StepLog, Stepper } from './step.ts';
import { archSetup, type TrainingJob, type TrainingResult } from './training-job.ts';
import { type Validation, validate } from './validate.ts';

/** What a training has to do with a helper: it is one, or it has one, with the cost of its training where that was just done. */
interface HelperRole {
  isHelper?: boolean;
  network?: Network;
  cost?: Cost | undefined;
}

export class TrainingRun {
  readonly network: Network;
  readonly #job: TrainingJob;
  readonly #training: Training;
  readonly #stepper: Stepper;
  readonly #average: MovingAverage | undefined;
  /** Passes over the data; a batch replayed m times counts m. */
  readonly #epochs: number;
  readonly #replays: number;
  readonly #trainCount: number;
  readonly #validationIds: Int32Array;
  readonly #helper: Helper | undefined;
  readonly #role: HelperRole;
  #facts: Facts;
  #best: Map<string, Entry> | undefined;

  constructor(job: TrainingJob, role: HelperRole) {
    const { dataset, draws, recipe, threat } = job;
    this.#job = job;
    this.#role = role;
    this.#facts = newFacts(role.isHelper ?? false, role.cost);
    this.#helper = role.network && new Helper(role.network);
    this.#trainCount = dataset.train.n - recipe.validation;
    if (this.#trainCount < 2)
      throw new RampartError(
        `[train ${job.name}] recipe.validation takes ${recipe.validation} of the ${dataset.train.n} training images of ${dataset.name}: none are left`,
        { remedy: 'lower recipe.validation or raise the data set limit' },
      );
    this.#validationIds = Int32Array.from({ length: recipe.validation }, (_, i) => this.#trainCount + i);
    this.network = createNetwork(job.arch, archSetup(job), draws.weights);
    const { network } = this;
    const { batchSize, epochs } = recipe;
    const setup = { network, threat, rng: draws.noise.fork('defense'), batchSize, images: this.#trainCount, epochs, helper: this.#helper };
    this.#training = job.defense.create(job.params, setup);
    this.#replays = this.#training.replays ?? 1;
    this.#epochs = Math.ceil(recipe.epochs / this.#replays);
    this.#stepper = new Stepper({ name: job.name, network, training: this.#training, threat, recipe, helper: this.#helper });
    if (recipe.averaging !== 'none')
      this.#average = new MovingAverage(new Map([...this.network.params, ...this.network.buffers]), recipe.averaging.ema);
  }

  get isHelper(): boolean {
    return this.#role.isHelper ?? false;
  }

  get finished(): boolean {
    return this.#facts.stopped || this.#facts.epochs.length >= epochsUntil(this.#job.recipe, this.#epochs);
  }

  /** One pass over the training images, its validation, log and checkpoint. */
  async epoch(): Promise<void> {
    const facts = this.#facts;
    const { recipe } = this.#job;
    const watch = stopwatch();
    const epoch = facts.epochs.length;
    const sums = await this.#trainEpoch(epoch);
    const due = epoch + 1 === this.#epochs || (epoch + 1) % recipe.validateEvery === 0;
    const validation = due && recipe.validation > 0 ? await this.#validate() : undefined;
    const lastStep = facts.optimizerSteps - 1;
    const wallMs = watch.ms;
    facts.epochs.push({
      epoch,
      learningRate: learningRateAt(recipe, lastStep, this.#totalSteps),
      loss: sums.loss / sums.examples,
      terms: Object.fromEntries(Object.entries(sums.terms).map(([name, sum]) => [name, sum / sums.examples])),
      trainAccuracy: sums.correct / sums.examples,
      ...(validation && { validationClean: validation.clean }),
      ...(validation?.fgsm !== undefined && { validationFgsm: validation.fgsm }),
      ...(validation?.pgd !== undefined && { validationPgd: validation.pgd }),
      wallMs,
    });
    facts.wallMs += wallMs;
    facts.suspendedMs += watch.suspendedMs;
    if (validation) await this.#keep(epoch, validation);
    await this.#notePoints();
    await this.#save();
  }

  /** Images of one epoch: all, without a last batch that is too small for the network's batch statistics. Another epoch, in another order, has them. */
  get #imagesPerEpoch(): number {
    const rest = this.#trainCount % this.#job.recipe.batchSize;
    return rest < this.network.smallestBatch ? this.#trainCount - rest : this.#trainCount;
  }
  get #totalSteps(): number {
    return Math.ceil(this.#imagesPerEpoch / this.#job.recipe.batchSize) * this.#replays * this.#epochs;
  }

  /** Sums over the examples of one epoch. */
  async #trainEpoch(epoch: number) {
    const { draws, recipe, signal } = this.#job;
    const order = draws.order.fork('order').fork(epoch).permutation(this.#trainCount).subarray(0, this.#imagesPerEpoch);
    const sums: Sums = { examples: 0, loss: 0, correct: 0, terms: {} };
    const batches = new BatchesAhead(Math.ceil(order.length / recipe.batchSize), (i) =>
      this.#batch(order.subarray(i * recipe.batchSize, (i + 1) * recipe.batchSize), epoch, i),
    );
    try {
      for (let batch = await batches.take(); batch; batch = await batches.take()) {
        for (let replay = 0; replay < this.#replays; replay++) {
          signal.throwIfAborted();
          const step = this.#step(batch, epoch);
          if (replay === this.#replays - 1) batches.begin();
          add(sums, await step, batch.ids.length);
        }
        this.#progress(epoch, sums.examples / this.#replays, order.length, sums.loss / sums.examples);
        // lets messages and signals through: the work itself never waits
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      await batches.dispose();
    }
    return sums;
  }

  /** The epochs of a helper and of the training that it is for are counted as one. */
  #progress(epoch: number, done: number, total: number, loss: number): void {
    const { isHelper, network } = this.#role;
    const epochs = this.#epochs * (isHelper || network ? 2 : 1);
    this.#job.onProgress?.({ epoch: network ? this.#epochs + epoch : epoch, epochs, done, total, loss });
  }

  async #step(batch: TrainingBatch, epoch: number): Promise<StepLog> {
    const step = this.#facts.optimizerSteps;
    const total = this.#totalSteps;
    const learningRate = learningRateAt(this.#job.recipe, step, total);
    const log = await this.#stepper.step(batch, { epoch, step, progress: step / Math.max(1, total - 1), learningRate });
    this.#facts.optimizerSteps++;
    this.#facts.examples += batch.x.shape[0];
    this.#average?.update();
    return log;
  }

  async #batch(ids: Int32Array, epoch: number, index: number): Promise<TrainingBatch> {
    const started = awakeNow();
    const batch = await trainingBatch(this.#job, ids, epoch, index);
    this.#facts.split.dataMs += awakeNow() - started;
    return batch;
  }

  async #validate(): Promise<Validation> {
    const started = awakeNow();
    const { dataset, draws, threat, recipe } = this.#job;
    this.#average?.swap();
    const found = await validate(this.network, dataset, this.#validationIds, threat, recipe.batchSize, draws.noise.fork('validation'));
    this.#average?.swap();
    this.#facts.split.validateMs += awakeNow() - started;
    return found;
  }

  /** Keeps the weights when this validation is the best, and decides on an early stop. A tie is broken by clean accuracy, then the earlier epoch stays. */
  async #keep(epoch: number, { clean, pgd = 0 }: Validation): Promise<void> {
    const { recipe, defense } = this.#job;
    const score: [number, number] = defense.selectBy === 'clean' ? [clean, pgd] : [pgd, clean];
    const best = this.#facts.best;
    if (!best || score[0] > best.score[0] || (score[0] === best.score[0] && score[1] > best.score[1])) {
      this.#facts.best = { epoch, score };
      if (recipe.keep === 'best') this.#best = await this.#weights();
    } else if (recipe.earlyStop !== 'none' && epoch - best.epoch >= recipe.earlyStop * recipe.validateEvery) this.#facts.stopped = true;
  }

  /** Weights as they would be kept now: the average where there is one. */
  async #weights(): Promise<Map<string, Entry>> {
    this.#average?.swap();
    const entries = await this.network.save();
    this.#average?.swap();
    return entries;
  }

  /** What would be kept if training ended here, where that is wanted. */
  async #notePoints(): Promise<void> {
    const { points, recipe } = this.#job;
    const facts = this.#facts;
    const done = facts.epochs.length;
    for (const until of pointsDue(points?.at ?? [], facts.points, done, this.#epochs, facts.stopped)) {
      const weightsHash = (await points?.put(this.#best ?? (await this.#weights()))) as string;
      this.#settle();
      const bestEpoch = recipe.keep === 'best' ? facts.best?.epoch : undefined;
      facts.points.push({ until, weightsHash, epochs: done, bestEpoch, cost: totalCost(facts), flags: trainingFlags(facts, this.#epochs) });
    }
  }

  get #groups(): [string, ReadonlyMap<string, tf.Variable>][] {
    const { params, optimizer } = this.#stepper;
    const groups: [string, ReadonlyMap<string, tf.Variable>][] = [
      ['param/', params],
      ['buffer/', this.network.buffers],
      ['velocity/', optimizer.velocities],
    ];
    if (optimizer.squares) groups.push(['square/', optimizer.squares]);
    if (this.#average) groups.push(['average/', this.#average.averages]);
    if (this.#training.watched) groups.push(['watched/', this.#training.watched]);
    const helper = this.#role.network;
    if (helper) groups.push(['helper/', new Map([...helper.params, ...helper.buffers])]);
    return groups;
  }

  async #save(): Promise<void> {
    const { checkpoint } = this.#job;
    if (!checkpoint) return;
    const entries: [string, Entry][] = [...(this.#best ?? [])].map(([name, entry]) => [`best/${name}`, entry]);
    for (const [prefix, variables] of this.#groups) entries.push(...(await readVariables(variables, prefix)));
    const state = this.#training.state?.() ?? {};
    for (const [name, entry] of Object.entries(state)) entries.push([`state/${name}`, entry]);
    this.#settle();
    await checkpoint.save(encodeCheckpoint(entries, this.#facts));
  }

  /** Continues from a saved state. Throws `UnfitFile` where it is not one of this training, which can then not go on. */
  resume({ entries, facts }: TrainingState): void {
    const under = (prefix: string) =>
      new Map([...entries].flatMap(([k, v]) => (k.startsWith(prefix) ? [[k.slice(prefix.length), v] as const] : [])));
    const best = under('best/');
    this.#checkFit(facts, entries, best);
    for (const [prefix, variables] of this.#groups) restoreVariables(variables, entries, prefix);
    orUnfit(() => this.#training.restore?.(Object.fromEntries(under('state/'))));
    this.#facts = facts;
    if (best.size > 0) this.#best = best;
    if (this.#average) this.#average.updates = facts.averageUpdates;
  }

  #checkFit(facts: Facts, entries: ReadonlyMap<string, Entry>, best: ReadonlyMap<string, Entry>): void {
    const { isHelper = false } = this.#role;
    if (facts.helper !== isHelper)
      throw new UnfitFile(`is the state of ${facts.helper ? 'a helper' : 'a training'}, not of what was asked for`);
    if (facts.epochs.length > this.#epochs)
      throw new UnfitFile(`is no state of this training: it has ${facts.epochs.length} epochs of ${this.#epochs}`);
    checkVariables(this.#groups, entries, ['best/', ...(this.#training.restore ? ['state/'] : [])]);
    if (this.#job.recipe.keep === 'best' && facts.best) checkEntries(this.network.graph, best, this.network.arch, 'its best epoch');
  }

  /** Moves counts that live in the parts of the run into the facts. */
  #settle(): void {
    const facts = this.#facts;
    const { passes, times } = this.#stepper;
    facts.passes = { forward: facts.passes.forward + passes.forward, backward: facts.passes.backward + passes.backward };
    facts.split.craftMs += times.craftMs;
    facts.split.updateMs += times.updateMs;
    Object.assign(passes, { forward: 0, backward: 0 });
    Object.assign(times, { craftMs: 0, updateMs: 0 });
    facts.averageUpdates = this.#average?.updates ?? 0;
  }

  /** Loads the kept weights into the network and sums up. */
  async result(): Promise<TrainingResult> {
    this.#settle();
    const { epochs, best } = this.#facts;
    const { recipe, name, alsoLast } = this.#job;
    const last = alsoLast && (await this.#weights());
    if (this.#best) this.network.load(this.#best, `best epoch of ${name}`);
    else this.#average?.swap();
    const bestEpoch = recipe.keep === 'best' ? best?.epoch : undefined;
    return {
      network: this.network,
      ...(last && { last }),
      points: this.#facts.points,
      epochs,
      ...(bestEpoch !== undefined && { bestEpoch }),
      cost: totalCost(this.#facts),
      flags: trainingFlags(this.#facts, this.#epochs),
    };
  }

  dispose(): void {
    this.#stepper.dispose();
    this.#helper?.dispose();
    this.#average?.dispose();
    tf.dispose([...(this.#training.extra?.values() ?? []), ...(this.#training.watched?.values() ?? [])]);
    this.#training.dispose?.();
  }
}
