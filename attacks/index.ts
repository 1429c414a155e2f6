/** The table of attacks and ensembles. */
import { unknownName } from '../errors.ts';
import adaptiveLoss from './adaptive-loss.ts';
import apgdCe from './apgd-ce.ts';
import apgdCeArt from './apgd-ce-art.ts';
import apgdDlr from './apgd-dlr.ts';
import apgdDlrArt from './apgd-dlr-art.ts';
import apgdMalt from './apgd-malt.ts';
import apgdPm from './apgd-pm.ts';
import apgdT from './apgd-t.ts';
import type { AttackPlugin, EnsemblePlugin } from './attack.ts';
import autoattack from './autoattack.ts';
import autoattackArt from './autoattack-art.ts';
import autoattackLean from './autoattack-lean.ts';
import cw from './cw.ts';
import cwInfUnbounded from './cw-inf-unbounded.ts';
import ddn from './ddn.ts';
import deepfool from './deepfool.ts';
import fab from './fab.ts';
import fabT from './fab-t.ts';
import featurePgd from './feature-pgd.ts';
import fgsm from './fgsm.ts';
import fmn from './fmn.ts';
import hopskipjump from './hopskipjump.ts';
import mim from './mim.ts';
import multiTargeted from './multi-targeted.ts';
import noise from './noise.ts';
import patchPgd from './patch-pgd.ts';
import pgd from './pgd.ts';
import rays from './rays.ts';
import sigmaZero from './sigma-zero.ts';
import square from './square.ts';
import transfer from './transfer.ts';

export const attacks: readonly AttackPlugin[] = [
  noise,
  fgsm,
  pgd,
  mim,
  cw,
  cwInfUnbounded,
  multiTargeted,
  square,
  hopskipjump,
  rays,
  transfer,
  apgdCe,
  apgdDlr,
  apgdT,
  apgdPm,
  apgdMalt,
  adaptiveLoss,
  featurePgd,
  apgdCeArt,
  apgdDlrArt,
  deepfool,
  fab,
  fabT,
  ddn,
  fmn,
  sigmaZero,
  patchPgd,
];

export const ensembles: readonly EnsemblePlugin[] = [autoattack, autoattackArt, autoattackLean];

/** Throws, with the nearest name, when there is none such. */
export function attack(name: string): AttackPlugin | EnsemblePlugin {
  const all = [...attacks, ...ensembles];
  const found = all.find((a) => a.name === name);
  if (!found)
    throw unknownName(
      'attack',
      name,
      all.map((a) => a.name),
    );
  return found;
}
