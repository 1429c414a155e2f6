/** What the records claim of a model, as counterexamples are held against it. */
import { RampartError } from '../../errors.ts';
import type { Counterexamples } from '../../records/evidence/counterexample.ts';
import { type CellRecord, indicesOf, isInBall, type ModelRecord, type RampartRecord } from '../../records/record.ts';

/** Of a model in one threat model: its test images, and what the records say of each. */
export interface Claim {
  readonly model: ModelRecord;
  /** By the index of the image: its class, and the attack that broke it; undefined where all left it right. */
  readonly images: ReadonlyMap<number, { readonly label: number; readonly brokenBy: string | undefined }>;
}

const fail = (what: string) => new RampartError(`[counterexample] ${what}`);

/** Throws where no record claims anything of the kind, or one of another model than the file is of. */
export function claimAgainst({ model: named, dataset, threat }: Counterexamples, records: readonly RampartRecord[]): Claim {
  const model = records.find((r): r is ModelRecord => r.kind === 'model' && r.key === named.key);
  if (!model) throw fail(`its model ${named.key} is not here`);
  if (named.weightsHash !== model.weightsHash)
    throw fail(`is of weights ${named.weightsHash}, but the model of the record has ${model.weightsHash}`);
  const own = records.filter(isInBall).filter((cell) => cell.model.key === model.key && cell.status === 'done');
  const ofData = own.filter((cell) => cell.dataset.hash === dataset);
  if (ofData.length === 0) throw fail(`is of data ${dataset}, on which no record has this model`);
  const inThreat = ({ threat: { norm, eps } }: CellRecord) => norm === threat.norm && eps === threat.eps;
  const attacked = ofData.filter((cell) => cell.attack.access !== 'none' && cell.attack.bounded !== false && inThreat(cell));
  if (attacked.length === 0) throw fail(`no record claims anything of this model in ${threat.norm} ${threat.eps}`);
  const images = new Map<number, { label: number; brokenBy: string | undefined }>();
  const clean = ofData.filter((cell) => cell.attack.access === 'none');
  for (const { attack, outcomes, ...cell } of [...attacked, ...clean])
    for (const [place, image] of indicesOf(cell).entries()) {
      const known = images.get(image);
      if (!known && attack.access === 'none') continue; // no attack saw it
      const broken = outcomes.robust[place] === '0' ? attack.label : undefined;
      images.set(image, { label: outcomes.labels[place] as number, brokenBy: known?.brokenBy ?? broken });
    }
  return { model, images };
}

/** Whether the records count each of the images as robust. Throws where one of them has no such claim or another class, and where none would be a counterexample. */
export function countedAs({ images }: Claim, found: Counterexamples): boolean[] {
  const counted = found.images.map((image, i) => {
    const said = images.get(image);
    if (!said) throw fail(`image ${image} is not among those that were attacked in ${found.threat.norm} ${found.threat.eps}`);
    if (said.label !== found.labels[i]) throw fail(`the class of image ${image} is ${said.label}, not ${found.labels[i]}`);
    return said.brokenBy === undefined;
  });
  if (counted.includes(true)) return counted;
  const [first = -1] = found.images;
  throw fail(`no image of it is counted as robust: ${images.get(first)?.brokenBy} broke image ${first}`);
}
