/** What an evaluation is given, and what it answers. */
import type { AttackPlugin, EnsemblePlugin, Passes, Threat } from '../../attacks/attack.ts';
import type { Classifier } from '../../models/classifier.ts';
import type { CellRecord, Flag } from '../../records/record.ts';
import type { ImageRange } from '../../records/shard.ts';
import type { Checkpoint } from '../../records/store.ts';
import type { Rng } from '../../tensor/rng.ts';
import type { EvaluationData } from './predict.ts';

/** The nearest error of each example that an attack has asked about. */
export type NearestErrors = NonNullable<CellRecord['outcomes']['nearest']>;

/** What is known of the same attack on the same model at a smaller radius. */
export interface SmallerRadius {
  readonly eps: number;
  readonly robust: string;
  readonly predictions: readonly number[];
  readonly distances: readonly number[];
  readonly nearest?: NearestErrors | undefined;
}

/** The state that the evaluation of a range of the examples ended with. */
export interface EvaluationPart {
  readonly range: ImageRange;
  readonly state: Pick<Checkpoint, 'load'>;
}

export interface EvaluationInput {
  /** Frozen for speed, if it can be. Not disposed here. */
  readonly classifier: Classifier;
  /** The model's name, for messages. */
  readonly name: string;
  /** Whether its gradient stands in for one that it has not, which is a sign of masking before anything is attacked. */
  readonly standIn?: boolean;
  readonly attack: AttackPlugin | EnsemblePlugin;
  readonly params: unknown;
  readonly threat: Threat;
  readonly data: EvaluationData;
  /** One character per example, `1` where it is classified right before the attack. */
  readonly clean: string;
  /** Predictions on the clean examples; computed for the wrong ones when absent. */
  readonly cleanPredictions?: readonly number[];
  /** Examples broken at a smaller radius are broken at this one: they are not attacked again. */
  readonly smaller?: SmallerRadius;
  /** Seeded by the cell's key. */
  readonly rng: Rng;
  readonly batchSize: number;
  /** Forward and backward passes per example together that count; no limit when absent. */
  readonly budget?: number | undefined;
  /** Other models, by the names that transfer attacks have for them. Not disposed here. */
  readonly sources: ReadonlyMap<string, { readonly classifier: Classifier; readonly name: string }>;
  readonly signal: AbortSignal;
  /** How many adversarial examples to return, the first in order of index among the broken ones. */
  readonly keepExamples?: number;
  /** Beside these, every broken one of the first so many examples. */
  readonly keepAmong?: number;
  /** Examples attacked so far, examples that may have to be attacked in all members together, examples still right. */
  onProgress?(done: number, total: number, survivors: number): void;
  /** State between batches; it must belong to the same cell, which the caller's key guarantees. */
  readonly checkpoint?: Pick<Checkpoint, 'load' | 'save'>;
  /** It is a part of an evaluation: flags are looked for by whoever puts the parts together. */
  readonly isPart?: boolean;
  /** What was found of the examples, range by range: nothing is attacked again. */
  readonly parts?: readonly EvaluationPart[];
  /** Where an ensemble's members are looked up; the table of attacks by default. */
  lookup?(name: string): AttackPlugin | EnsemblePlugin;
}

/** Time of work in ms, and beside it time in which its process stood still. */
export interface Elapsed {
  readonly wallMs: number;
  readonly suspendedMs: number;
}

export interface Evaluation {
  /** One character per example, `1` where it is classified right after the attack. */
  readonly robust: string;
  readonly predictions: number[];
  /** In the norm of the threat, to 6 digits; 0 where the input was returned. */
  readonly distances: number[];
  /** Of an attack whose search was watched: what lies beyond the radius too. */
  readonly nearest?: NearestErrors;
  /** Of the attack alone, on the target and on the models it transfers from; the harness's own passes that decide success are not the attacker's. */
  readonly passes: Passes;
  /** Of attempts begun ahead and thrown away, because a full pass is faster: not what the attack needs, but what this run spent beside it. */
  readonly overhead: Passes;
  /** What an attack that is fitted to the model chose. */
  readonly choice?: string;
  readonly members?: CellRecord['members'];
  readonly survivors?: CellRecord['survivors'];
  readonly examples?: { ids: number[]; adversarial: Float32Array };
  readonly flags: Flag[];
  /** Of the processes that worked at it before this one went on. */
  readonly earlier: Elapsed;
}
