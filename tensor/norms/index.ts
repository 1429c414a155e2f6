/** The tables of norms and of what measures perturbations like one. Suites, records and keys hold either by its name. */
import { RampartError, unknownName } from '../../errors.ts';
import { L0, L0Pixels } from './l0.ts';
import { L1 } from './l1.ts';
import { L2 } from './l2.ts';
import { Linf } from './linf.ts';
import type { Norm } from './norm.ts';
import { Patch } from './patch.ts';

export type { Norm, Slope } from './norm.ts';

export const norms = { Linf, L2, L1 } satisfies Record<string, Norm>;
/** What counts instead of measuring: no norms, but with balls of their own. */
export const counts = { L0, 'L0-pixels': L0Pixels, patch: Patch } satisfies Record<string, Norm>;
export type VectorNorm = keyof typeof norms;
export type NormName = VectorNorm | keyof typeof counts;
export const NORMS = Object.keys(norms) as [VectorNorm, ...VectorNorm[]];
/** All that a ball may be in. */
export const SIZES: readonly [NormName, ...NormName[]] = [...NORMS, ...(Object.keys(counts) as (keyof typeof counts)[])];

/** Norms in which gradient steps are an attack. */
export const GRADIENT_NORMS: readonly NormName[] = NORMS.filter((name) => (norms[name] as Norm).step);

/** Throws, with the nearest name, when there is none such. */
export function norm(name: string): Norm {
  const all: Record<string, Norm> = { ...norms, ...counts };
  if (!Object.hasOwn(all, name)) throw unknownName('norm', name, Object.keys(all));
  return all[name] as Norm;
}

/** The norm's gradient step. Throws where it has none. */
export function gradientStep(name: string): NonNullable<Norm['step']> {
  const { step } = norm(name);
  if (!step) throw new RampartError(`[gradient step] expected a norm of ${GRADIENT_NORMS.join(', ')}, got ${name}`);
  return step;
}

/** What differs from norm to norm: what is not there, the owner of the table cannot do. */
export type ByNorm<T> = Readonly<Partial<Record<NormName, T>>>;

/** The norms that a table has. */
export const normsIn = (table: ByNorm<unknown>): NormName[] => Object.keys(table) as NormName[];

/** The table's entry for a norm. Throws, in the name of `owner`, where it has none. */
export function atNorm<T>(table: ByNorm<T>, name: NormName, owner: string): T {
  if (!Object.hasOwn(table, name)) throw new RampartError(`[${owner}] expected a norm of ${normsIn(table).join(', ')}, got ${name}`);
  return table[name] as T;
}
