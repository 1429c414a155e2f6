/** One board: its rows with worst cases, ranks, costs, seeds and flags. */

import type { TakenCounterexamples } from '../../records/evidence/counterexample.ts';
import { UNRANKED } from '../../records/flags.ts';
import type { CellRecord, ModelRecord } from '../../records/record.ts';
import { mean, standardDeviation } from '../../records/stats.ts';
import { attackId } from './attacks.ts';
import { attackCost, costRatio } from './costs.ts';
import { type Against, againstModel, brokenBy } from './found/counterexamples.ts';
import { commonImages, rightOn } from './images.ts';
import type { Masking } from './masking/masking.ts';
import { maskingOf, unreliableChecks } from './masking/report.ts';
import { keptLast } from './models.ts';
import { overfitting } from './overfitting.ts';
import { type Rank, type Ranking, rank } from './ranking.ts';
import { flagsOf, hasFailed } from './row-flags.ts';
import { defensesOf } from './seeds/rows.ts';
import { corruptionsOf } from './threats/corruptions.ts';
import { type AttackView, type Board, isBounded, isClean, isDone, type ModelView, type Row, type WorstCase } from './view.ts';
import { attackedImages, lacking, requiredAttacks, usualImages, worstCase } from './worst-case.ts';

/** What a board is made of. */
interface Material {
  readonly list: readonly CellRecord[];
  readonly dataset: ModelRecord['dataset'];
  readonly threat: CellRecord['threat'];
  /** Counterexamples, of whatever model. */
  readonly found: readonly TakenCounterexamples[];
}

/** A row before it is ranked. */
interface Draft {
  readonly model: ModelView;
  readonly cells: ReadonlyMap<string, CellRecord>;
  readonly images: readonly number[];
  readonly against: readonly Against[];
  /** Labels of attacks without a result that a rank needs. */
  readonly missing: readonly string[];
  readonly masking: Masking;
  /** Names of flags that leave no figure to compare. */
  readonly doubtful: readonly string[];
}

/** A row with its place. */
interface Placed extends Draft {
  readonly worst: WorstCase | undefined;
  readonly rank?: Rank;
  readonly unranked?: string;
}

export function viewBoard(
  id: string,
  material: Material,
  models: ReadonlyMap<string, ModelView>,
  allAttacks: readonly AttackView[],
): Board {
  const present = new Set(material.list.map(attackId));
  const attacks = allAttacks.filter((a) => present.has(a.id));
  const { placed, pairs } = placeModels(draftsOf(material, models, attacks), attacks);
  const ranked = new Map(placed.filter((p) => p.rank).map((p) => [p.model.record.key, p.worst]));
  const halves = new Map(placed.map((p) => [p.model, p]));
  const rows = placed.map(
    (p): Row => ({
      model: p.model,
      cells: p.cells,
      clean: [...p.cells.values()].find((c) => isClean(c) && isDone(c)),
      worst: p.worst,
      rank: p.rank,
      gap: ensembleGap([...p.cells.values()]),
      ratio: costRatio(p.model, [...models.values()]),
      attackCost: attackCost(p.cells),
      seeds: p.rank && seedSpread(p.model, ranked),
      overfitting: overfittingOf(p, p.model.twin && halves.get(p.model.twin), attacks),
      corruptions: corruptionsOf(p.model, [...models.values()]),
      against: p.against,
      masking: p.masking,
      flags: flagsOf(p.model, p.cells, p.masking, p.unranked),
    }),
  );
  const done = material.list.filter(isDone);
  const counted = done.some((c) => !isClean(c)) ? done.filter((c) => !isClean(c)) : done;
  const n = Math.max(0, ...counted.map((c) => c.n));
  const { defenses, pairs: defensePairs } = defensesOf(rows);
  return { id, dataset: material.dataset, threat: material.threat, attacks, rows, pairs, defenses, defensePairs, n };
}

/** Of a model and the other epoch of its training, whichever of the two is the final one. */
function overfittingOf(own: Placed, twin: Placed | undefined, attacks: readonly AttackView[]): Row['overfitting'] {
  if (!twin) return undefined;
  const [best, last] = keptLast(own.model.record) ? [twin, own] : [own, twin];
  return overfitting(best, last, attacks);
}

const weightOf = ({ status, n, provenance, diagnosis }: CellRecord) =>
  status === 'done' ? n + (provenance.engine.precision === 'bf16' ? 0 : 0.5) + (diagnosis ? 0.25 : 0) : -1;

/** Every model of the board with its cells; failed models too, with their reason, on each board of their data set. */
function draftsOf(material: Material, models: ReadonlyMap<string, ModelView>, attacks: readonly AttackView[]): Draft[] {
  const cellsOf = new Map<string, Map<string, CellRecord>>();
  for (const cell of material.list) {
    const row = cellsOf.get(cell.model.key) ?? new Map<string, CellRecord>();
    cellsOf.set(cell.model.key, row);
    const held = row.get(attackId(cell));
    // Two records of one cell (another engine, say): the one on more images counts, then one in float32, then one with a diagnosis, then the first key.
    if (!held || weightOf(cell) > weightOf(held)) row.set(attackId(cell), cell);
  }
  for (const [key, { record }] of models)
    if (record.status === 'failed' && record.dataset.hash === material.dataset.hash && !cellsOf.has(key)) cellsOf.set(key, new Map());
  const required = new Set(requiredAttacks(attacks, [...cellsOf.values()]).map((a) => a.id));
  return [...cellsOf].map(([key, cells]) => {
    const lacks = ({ id }: AttackView) => {
      const cell = cells.get(id);
      return required.has(id) ? !isDone(cell) : cell !== undefined && hasFailed(cell);
    };
    const missing = attacks.filter(lacks).map((a) => a.label);
    const model = models.get(key) as ModelView;
    const flags = [...model.record.flags, ...[...cells.values()].flatMap((cell) => cell.flags)];
    const masking = maskingOf(
      model.record,
      attacks.flatMap(({ id }) => cells.get(id) ?? []),
    );
    const doubtful = [...new Set([...flags.map(({ name }) => name).filter((name) => UNRANKED.has(name)), ...unreliableChecks(masking)])];
    const images = attackedImages(cells, required);
    const right = worstCase(cells, images);
    const robust = new Set(images.filter((_, i) => right?.outcomes[i] === '1'));
    const against = againstModel(key, material, material.found, (image) => robust.has(image));
    return { model, cells, images, against, missing, masking, doubtful };
  });
}

/** The ranked models by worst case, all on the same images, then the others with the reason. */
function placeModels(drafts: readonly Draft[], attacks: readonly AttackView[]): { placed: Placed[]; pairs: Ranking['pairs'] } {
  const complete = drafts.filter((d) => d.missing.length === 0 && d.doubtful.length === 0 && d.images.length > 0);
  const usual = usualImages(complete.map((d) => d.images));
  const comparable = complete.filter((d) => lacking(d.images, usual) === 0);
  const ranked = comparable.map((d) => ({ ...d, worst: worstCase(d.cells, usual, brokenBy(d.against)) })).sort(byWorstCase);
  const { ranks, pairs } = rank(ranked.map((d) => d.worst?.outcomes ?? ''));
  const rest = drafts.filter((d) => !comparable.includes(d));
  const unranked = rest
    .map((d) => ({ ...d, worst: worstCase(d.cells, d.images, brokenBy(d.against)), unranked: whyNot(d, usual, attacks) }))
    .sort(byWorstCase);
  return { placed: [...ranked.map((d, i) => ({ ...d, rank: ranks[i] as Rank })), ...unranked], pairs };
}

function byWorstCase(a: Placed, b: Placed): number {
  const text = ({ model }: Placed) => `${model.name}\n${model.record.key}`;
  return (b.worst?.accuracy ?? -1) - (a.worst?.accuracy ?? -1) || (text(a) < text(b) ? -1 : 1);
}

/** Why a model cannot be compared with the others; undefined where nothing was attacked on the whole board. */
function whyNot({ missing, doubtful, images }: Draft, usual: readonly number[], attacks: readonly AttackView[]): string | undefined {
  if (missing.length > 0) return `no result of ${missing.join(', ')}`;
  if (doubtful.length > 0) return `its gradients are no ground for a figure: ${doubtful.join(', ')}`;
  if (images.length > 0)
    return `its worst case lacks ${lacking(images, usual)} of the ${usual.length} images that those of the others rest on`;
  return attacks.some(({ attack }) => !isClean({ attack })) ? 'no image has a result of every attack' : undefined;
}

function ensembleGap(cells: readonly CellRecord[]): number | undefined {
  const done = cells.filter(isDone);
  const ensembles = done.filter((c) => c.attack.role === 'ensemble');
  const singles = done.filter((c) => isBounded(c) && c.attack.access === 'gradient' && c.attack.role === undefined);
  const images = commonImages([...ensembles, ...singles]);
  if (ensembles.length === 0 || singles.length === 0 || images.length === 0) return undefined;
  const strongest = (list: readonly CellRecord[]) => Math.min(...list.map((c) => rightOn(images, c)));
  return (strongest(singles) - strongest(ensembles)) / images.length;
}

/** Over the seeds of one configuration that are ranked: their worst cases rest on the same images. */
function seedSpread(model: ModelView, ranked: ReadonlyMap<string, WorstCase | undefined>): Row['seeds'] {
  const values = model.siblings.flatMap((s) => ranked.get(s.record.key)?.accuracy ?? []);
  return values.length > 1 ? { count: values.length, mean: mean(values), deviation: standardDeviation(values) } : undefined;
}
