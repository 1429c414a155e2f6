/** What others found against a model: each file with its finder, how it was found, and every point of it. */
import type { TakenCounterexamples } from '../../records/evidence/counterexample.ts';
import type { Files } from '../formats/files.ts';
import { parameters } from '../formats/format.ts';
import type { Board, Row } from '../view/view.ts';

/** Points that are listed; the file and its JSON have all. */
const MOST = 20;

/** The files, and what was measured of each as JSON. */
export function writeFound(files: Files, found: readonly TakenCounterexamples[]): void {
  for (const { bytes, ...taken } of found) {
    files.add(`counterexamples/${taken.file}`, bytes);
    files.add(`counterexamples/${taken.file}.json`, `${JSON.stringify(taken)}\n`);
  }
}

/** The part of a model's page on one board; undefined where nobody found anything. */
export function foundView(board: Board, { against }: Row) {
  if (against.length === 0) return undefined;
  const className = (label: number) => board.dataset.classNames[label] ?? String(label);
  return {
    anchor: `found-${board.id}`,
    files: against.map(({ taken, points, counted }) => {
      const { file, attack, params, reference, finder } = taken;
      return {
        file,
        href: `../counterexamples/${file}`,
        json: `../counterexamples/${file}.json`,
        finder,
        attack: attack && [attack, params && parameters(params)].filter(Boolean).join('; '),
        reference,
        // an address of any other kind is text
        address: reference && /^https:\/\/[^\s]+$/.test(reference) ? reference : undefined,
        broken: points.length,
        counted: counted.length,
        points: points.slice(0, MOST).map(({ image, label, prediction, distance }) => ({
          image,
          label: className(label),
          prediction: className(prediction),
          distance: String(Number(distance.toPrecision(3))),
        })),
        more: points.length > MOST ? points.length - MOST : undefined,
      };
    }),
  };
}
