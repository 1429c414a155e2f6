/** The table of defenses. */
import { unknownName } from '../errors.ts';
import { awp } from './awp.ts';
import bitDepth from './bit-depth.ts';
import type { DefensePlugin } from './defense.ts';
import elle from './elle.ts';
import fgsmPgi from './fgsm-pgi.ts';
import fgsmRs from './fgsm-rs.ts';
import freeAt from './free-at.ts';
import gat from './gat.ts';
import gradAlign from './grad-align.ts';
import { hat } from './hat.ts';
import jpeg from './jpeg.ts';
import liet from './liet.ts';
import loat from './loat.ts';
import mart from './mart.ts';
import { morel } from './morel.ts';
import nFgsm from './n-fgsm.ts';
import nuat from './nuat.ts';
import pgdAt from './pgd-at.ts';
import randomResizePad from './random-resize-pad.ts';
import standard from './standard.ts';
import trades from './trades.ts';

const morelDefense = morel({ trades, mart, loat });

export const defenses: readonly DefensePlugin[] = [
  standard,
  pgdAt,
  trades,
  mart,
  loat,
  morelDefense,
  hat(trades),
  awp([pgdAt, trades, mart, loat, morelDefense, fgsmRs, nFgsm, freeAt, standard]),
  fgsmRs,
  nFgsm,
  freeAt,
  gat,
  nuat,
  gradAlign,
  fgsmPgi,
  elle,
  liet,
  jpeg,
  bitDepth,
  randomResizePad,
];

/** Throws, with the nearest name, when there is none such. */
export function defense(name: string): DefensePlugin {
  const found = defenses.find((d) => d.name === name);
  if (!found)
    throw unknownName(
      'defense',
      name,
      defenses.map((d) => d.name),
    );
  return found;
}
