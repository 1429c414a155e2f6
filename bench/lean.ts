/**
 * AutoAttack lean beside AutoAttack standard, model by model: `tsx bench/lean.ts RUN...` reads the records of run folders in which both have
 * attacked the same images, and prints the table of docs/lean.md with what would falsify its rule. A run that was stopped goes on by
 * `rampart run`; this reads what is there.
 */
import { fileURLToPath } from 'node:url';
import { FolderStore } from '../records/folder-store.ts';
import { canonicalJson } from '../records/hash.ts';
import { type CellRecord, isInBall, type RampartRecord } from '../records/record.ts';
import { mean } from '../records/stats.ts';

/** What the rule promises of a model without a flag, in points of accuracy above AutoAttack standard. */
const MOST_ABOVE = 0.2;
/** And of the passes of AutoAttack standard on all of them together. */
const MOST_PASSES = 0.2;

export interface LeanRow {
  readonly model: string;
  readonly threat: string;
  readonly n: number;
  /** Robust accuracies in percent. */
  readonly standard: number;
  readonly lean: number;
  /** Images that only one of them broke. */
  readonly onlyStandard: number;
  readonly onlyLean: number;
  /** Forward and backward passes of each. */
  readonly passes: { readonly standard: number; readonly lean: number };
  /** Of lean's own cell: who runs it alone sees no others. */
  readonly flags: readonly string[];
}

const isStandard = ({ attack: { name, params } }: CellRecord) => name === 'autoattack' && params.version === 'standard';
const isLean = ({ attack: { name } }: CellRecord) => name === 'autoattack-lean';
const passesOf = ({ passes: { forward, backward } }: CellRecord) => forward + backward;

/** What both attacked alike. */
const subject = ({ model, threat, dataset, n, indices, seed }: CellRecord) =>
  canonicalJson([model.key, model.weightsHash, threat, dataset.hash, n, indices ?? 'first', seed]);

/** A row for every model and threat that both attacked on the same images; one for each version of the rule where there are several. */
export function leanRows(records: readonly RampartRecord[]): LeanRow[] {
  const cells = records.filter(isInBall).filter(({ status }) => status === 'done');
  const standards = new Map(cells.filter(isStandard).map((cell) => [subject(cell), cell]));
  const leans = cells.filter(isLean);
  const versions = new Set(leans.map(({ attack }) => attack.version));
  return leans.flatMap((lean) => {
    const standard = standards.get(subject(lean));
    if (!standard) return [];
    const [a, b] = [standard.outcomes.robust, lean.outcomes.robust];
    const only = (one: string, other: string) => [...one].filter((r, i) => r === '0' && other[i] === '1').length;
    const { model, threat, n, attack } = lean;
    return {
      model: versions.size === 1 ? model.name : `${model.name}, version ${attack.version}`,
      threat: `${threat.norm} ${Number(threat.eps.toPrecision(3))}`,
      n,
      standard: 100 * standard.accuracy,
      lean: 100 * lean.accuracy,
      onlyStandard: only(a, b),
      onlyLean: only(b, a),
      passes: { standard: passesOf(standard), lean: passesOf(lean) },
      flags: lean.flags.map(({ name }) => name),
    };
  });
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Passes of lean over those of standard, of these rows together: what both spend on a model that everything breaks is little, and counts as little. */
function shareOf(rows: readonly LeanRow[]): number {
  const of = (which: keyof LeanRow['passes']) => sum(rows.map(({ passes }) => passes[which]));
  return of('lean') / Math.max(of('standard'), 1);
}

/** The largest difference of unflagged models and what else the rule is held to; undefined without any. */
export function verdictOf(rows: readonly LeanRow[]) {
  const unflagged = rows.filter(({ flags }) => flags.length === 0);
  if (unflagged.length === 0) return undefined;
  const above = unflagged.map(({ standard, lean }) => lean - standard);
  const [worst, average, passes] = [Math.max(...above), mean(above), shareOf(unflagged)];
  return {
    models: unflagged.length,
    worst,
    average,
    passes,
    holds: worst <= MOST_ABOVE + 1e-9 && average <= 1e-9 && passes <= MOST_PASSES,
  };
}

/** As Markdown. */
export function leanTable(rows: readonly LeanRow[]): string {
  const head = ['model', 'threat', 'images', 'standard', 'lean', 'difference', 'only standard', 'only lean', 'passes', 'flags'];
  const body = rows.map((r) => [
    r.model,
    r.threat,
    r.n,
    r.standard.toFixed(1),
    r.lean.toFixed(1),
    (r.lean - r.standard).toFixed(1),
    r.onlyStandard,
    r.onlyLean,
    `${(100 * shareOf([r])).toFixed(1)} %`,
    r.flags.join(', '),
  ]);
  const lines = [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`);
  const verdict = verdictOf(rows);
  if (!verdict) return `${lines.join('\n')}\n\nNo model without a flag was attacked by both.`;
  const { models, worst, average, passes, holds } = verdict;
  const measured = `${models} models without a flag: at most ${worst.toFixed(2)} points above standard, ${average.toFixed(3)} on average, ${(100 * passes).toFixed(1)} % of its passes`;
  return `${lines.join('\n')}\n\n${measured}: the rule ${holds ? 'holds on them' : 'is falsified'}.`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folders = process.argv.slice(2);
  if (folders.length === 0) throw new Error('usage: tsx bench/lean.ts RUN...');
  const records = await Promise.all(folders.map((folder) => new FolderStore(folder).records()));
  console.log(leanTable(leanRows(records.flat())));
}
