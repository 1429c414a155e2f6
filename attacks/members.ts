/** An attack or an ensemble as a list of members to run in order, each on the points that are still robust. */

import { RampartError } from '../errors.ts';
import type { NormName } from '../tensor/norms/index.ts';
import type { AttackPlugin, EnsembleMember, EnsemblePlugin, Passes, Threat } from './attack.ts';
import { attack as attackNamed } from './index.ts';

export interface Member {
  /** Unique in the ensemble; the key of its random numbers. */
  readonly label: string;
  readonly plugin: AttackPlugin;
  /** As the plug-in's schema parsed them. */
  readonly params: unknown;
  /** Members of the attack that it runs on other models. */
  readonly inner?: readonly Member[];
  /** As its ensemble says. */
  readonly when?: EnsembleMember['when'];
}

export type AnyAttack = AttackPlugin | EnsemblePlugin;
export type Lookup = (name: string) => AnyAttack;

export function isEnsemble(plugin: AnyAttack): plugin is EnsemblePlugin {
  return 'members' in plugin;
}

function parsed(plugin: AttackPlugin, label: string, params: unknown): unknown {
  const result = plugin.params.safeParse(params);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new RampartError(`[attack ${label}] ${issue?.path.join('.') || 'parameters'}: ${issue?.message}`);
  }
  return result.data;
}

/** The attack that the parameter `attack` of another one names, as a suite gives it; its last point decides unless it is told otherwise. */
export interface Inner {
  readonly plugin: AnyAttack;
  readonly given: Record<string, unknown>;
}

/** Undefined where `plugin` runs none. Throws where there is none of that name, or it makes its examples on others itself. */
export function innerOf(plugin: AnyAttack, params: unknown, lookup: Lookup): Inner | undefined {
  const named = 'inner' in plugin && plugin.inner ? (params as { attack?: { name: string } }).attack : undefined;
  if (!named) return undefined;
  const { name, ...given } = named;
  const inner = lookup(name);
  if (inner.access === 'transfer')
    throw new RampartError(`[attack ${plugin.name}] expected an attack that makes its own examples, got "${name}"`);
  if ('few' in inner && inner.few)
    throw new RampartError(`[attack ${plugin.name}] expected an attack that is not fitted to the attacked model, got "${name}"`);
  return { plugin: inner, given: 'lastPoint' in inner && inner.lastPoint ? { decides: 'last', ...given } : given };
}

/** Whether what it returns is kept inside of the ball. */
export const isBounded = ({ plugin, inner = [] }: Pick<Member, 'plugin' | 'inner'>): boolean =>
  plugin.bounded !== false && inner.every(isBounded);

const enough = ({ minClasses = 2 }: AttackPlugin, classes: number): boolean => classes >= minClasses;

function checkNorm(plugin: AnyAttack, threat: Threat): void {
  if (!plugin.norms.includes(threat.norm))
    throw new RampartError(`[attack ${plugin.name}] expected a norm of ${plugin.norms.join(', ')}, got ${threat.norm}`);
}

/**
 * The members of `plugin` in the order in which they run; an attack is its own only member. Members are looked up by name in
 * `lookup`, the table of attacks by default; those for whose loss `classes` are too few are left out. Throws when a name, a parameter,
 * the norm or, of a single attack, the number of classes does not fit.
 */
export function membersOf(plugin: AnyAttack, params: unknown, threat: Threat, classes: number, lookup: Lookup = attackNamed): Member[] {
  checkNorm(plugin, threat);
  if (!isEnsemble(plugin)) {
    if (!enough(plugin, classes))
      throw new RampartError(`[attack ${plugin.name}] expected at least ${plugin.minClasses} classes, got ${classes}`);
    const own = parsed(plugin, plugin.name, params);
    const named = innerOf(plugin, own, lookup);
    const inner = named && membersOf(named.plugin, named.given, threat, classes, lookup);
    return [{ label: plugin.name, plugin, params: own, ...(inner && { inner }) }];
  }
  const seen = new Map<string, number>();
  const all = plugin.members(plugin.params.parse(params), threat).map((entry) => {
    const count = (seen.get(entry.attack) ?? 0) + 1;
    seen.set(entry.attack, count);
    const label = count === 1 ? entry.attack : `${entry.attack}#${count}`;
    const member = lookup(entry.attack);
    if (isEnsemble(member))
      throw new RampartError(`[attack ${plugin.name}] expected attacks as members, got the ensemble "${entry.attack}"`);
    checkNorm(member, threat);
    const when = entry.when && { when: entry.when };
    return { label, plugin: member, params: parsed(member, `${plugin.name}: ${label}`, entry.params), ...when };
  });
  return all.filter((member) => enough(member.plugin, classes));
}

/** Share of the examples that are left, at least, on which a member runs where no sign of masked gradients has shown. */
const SHARES = { always: 1, nearest: 0.05, masking: 0 };

/** Passes per example that stays robust where gradients show no sign of masking, of all members together; an attack that another one runs looks once more before each member but its first. */
export function costOf(members: readonly Member[], classes: number, norm: NormName): Passes {
  const total: Passes = { forward: 0, backward: 0 };
  for (const { plugin, params, inner, when = 'always' } of members) {
    const looks = (inner?.length ?? 1) - 1;
    const within = inner && costOf(inner, classes, norm);
    const own = plugin.cost(params, classes, norm, within && { ...within, forward: within.forward + looks });
    total.forward += Math.ceil(SHARES[when] * own.forward);
    total.backward += Math.ceil(SHARES[when] * own.backward);
  }
  return total;
}
