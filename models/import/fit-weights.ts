/** Weights as a network of a named architecture: fitted, with the normalisation that is stated for them or that they state themselves. */
import { RampartError } from '../../errors.ts';
import type { Shape } from '../../tensor/tf.ts';
import type { ArchitecturePlugin } from '../architecture.ts';
import { type Graph, withBatchNormEps } from '../graph/graph.ts';
import { architecture, architectures, namesOf } from '../index.ts';
import type { Entry } from '../safetensors.ts';
import { type Fitted, fitEntries, likeness } from './fit.ts';
import type { Weights, WeightsKind } from './weights.ts';

/** Per channel, `(x - mean) / std` for x in [0,1]. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface ImportOptions {
  /** Name of an architecture. */
  readonly arch: string;
  readonly inputShape: Shape;
  readonly classes: number;
  /** What its user states of it; goes before what the file states. */
  readonly normalization?: Normalization | undefined;
  /** Of its batch normalisations, where it is not the family's. */
  readonly bnEps?: number | undefined;
  /** Where names are looked up; those of this package unless given. */
  readonly families?: readonly ArchitecturePlugin[];
}

export interface Imported {
  readonly kind: WeightsKind;
  /** With the normalisation inside. */
  readonly graph: Graph;
  readonly entries: ReadonlyMap<string, Entry>;
  readonly normalization: Normalization;
  /** What was done to names and left out, for people. */
  readonly notes: readonly string[];
}

/**
 * Fits weights that were read from `source`; allocates no network. Throws a RampartError that names what does not fit, and where neither the
 * user nor the file states a normalisation: logits would be wrong without a sign of it.
 */
export function fitWeights({ kind, entries, path }: Weights, source: string, options: ImportOptions): Imported {
  const { arch, inputShape, classes, normalization, bnEps, families } = options;
  const found = architecture(arch, families);
  const channels = inputShape[2];
  const identity = { mean: Array.from({ length: channels }, () => 0), std: Array.from({ length: channels }, () => 1) };
  const blank = found.graph({ inputShape, classes, ...(normalization ?? identity) });
  const fitted = orNearest(entries, options, () => fitEntries(blank, entries, { ...found, arch: found.name, source }));
  const stated = normalization ?? fitted.normalization ?? namedNormalization(blank, fitted.entries);
  if (!stated)
    throw new RampartError(`[model ${found.name}] ${source} states no normalisation`, {
      remedy:
        'give mean and std per channel as the model was trained with, or normalization: none where it takes images in [0,1] as they are (rampart eval: --mean and --std, or --normalization none)',
    });
  const notes = [...(path === '' ? [] : [`the state dict is under "${path}"`]), ...fitted.notes];
  const graph = found.graph({ inputShape, classes, ...stated });
  if (bnEps !== undefined && !graph.nodes.some((node) => node.op === 'bn'))
    throw new RampartError(`[model ${found.name}] bnEps: expected a network with batch normalisation, this one has none`);
  return {
    kind,
    graph: bnEps === undefined ? graph : withBatchNormEps(graph, bnEps),
    entries: fitted.entries,
    normalization: stated,
    notes,
  };
}

/** What `fitted` gives; where it throws, the message names the architecture that the file is most like. */
function orNearest(entries: ReadonlyMap<string, Entry>, options: ImportOptions, fitted: () => Fitted): Fitted {
  try {
    return fitted();
  } catch (error) {
    if (!(error instanceof RampartError)) throw error;
    const { arch, families } = options;
    const nearest = nearestArchitecture(entries, options, [arch, ...namesOf(families ?? architectures)]);
    if (nearest === undefined || nearest === arch) throw error;
    throw new RampartError(error.message, { remedy: `its names are those of ${nearest}`, cause: error });
  }
}

/** The architecture that a checkpoint is most like by its names, and of those with the same names by its shapes; undefined where none is like it. Of two that are as like the first of `among`. */
export function nearestArchitecture(
  entries: ReadonlyMap<string, Entry>,
  { inputShape, classes, families = architectures }: Pick<ImportOptions, 'inputShape' | 'classes' | 'families'>,
  among: readonly string[] = namesOf(families),
): string | undefined {
  const setup = { inputShape, classes, mean: inputShape, std: inputShape };
  const alike = among.flatMap((name) => {
    const { graph, renamings } = architecture(name, families);
    try {
      return [{ name, ...likeness(graph(setup), entries, renamings) }];
    } catch {
      return []; // not for images of this size
    }
  });
  const nearest = alike.reduce((best, next) => (next.names + next.whole > best.names + best.whole ? next : best), {
    name: '',
    names: 0,
    whole: 0,
  });
  return nearest.names < 0.5 ? undefined : nearest.name;
}

/** The normalisation of architectures that have it among their weights. */
function namedNormalization(graph: Graph, entries: ReadonlyMap<string, Entry>): Normalization | undefined {
  const node = graph.nodes.find((n) => n.op === 'normalize');
  if (node?.op !== 'normalize' || node.name === undefined) return undefined;
  const values = (what: string) => [...(entries.get(`${node.name}${what}`)?.data ?? [])];
  return { mean: values('mean'), std: values('std') };
}
