/** The table of defenses. */
import { unknownName } from '../errors.ts';
import type { DefensePlugin } from './defense.ts';
import fgsmRs from './fgsm-rs.ts';
import mart from './mart.ts';
import { morel } from './morel.ts';
import pgdAt from './pgd-at.ts';
import standard from './standard.ts';
import trades from './trades.ts';

export const defenses: readonly DefensePlugin[] = [standard, pgdAt, trades, mart, morel({ trades, mart }), fgsmRs];

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
