/** An attack or an ensemble as a list of members to run in order, each on the points that are still robust. */
import type { AttackPlugin, EnsemblePlugin, Threat } from '../../attacks/attack.ts';
import { attack as attackNamed } from '../../attacks/index.ts';
import { RampartError } from '../../errors.ts';

export interface Member {
  /** Unique in the ensemble; the key of its random numbers. */
  readonly label: string;
  readonly plugin: AttackPlugin;
  /** As the plug-in's schema parsed them. */
  readonly params: unknown;
}

export function isEnsemble(plugin: AttackPlugin | EnsemblePlugin): plugin is EnsemblePlugin {
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

const enough = ({ minClasses = 2 }: AttackPlugin, classes: number): boolean => classes >= minClasses;

function checkNorm(plugin: AttackPlugin | EnsemblePlugin, threat: Threat): void {
  if (!plugin.norms.includes(threat.norm))
    throw new RampartError(`[attack ${plugin.name}] expected a norm of ${plugin.norms.join(', ')}, got ${threat.norm}`);
}

/**
 * The members of `plugin` in the order in which they run; an attack is its own only member. Members are looked up by name in
 * `lookup`, the table of attacks by default; those for whose loss `classes` are too few are left out. Throws when a name, a parameter,
 * the norm or, of a single attack, the number of classes does not fit.
 */
export function membersOf(
  plugin: AttackPlugin | EnsemblePlugin,
  params: unknown,
  threat: Threat,
  classes: number,
  lookup: (name: string) => AttackPlugin | EnsemblePlugin = attackNamed,
): Member[] {
  checkNorm(plugin, threat);
  if (!isEnsemble(plugin)) {
    if (!enough(plugin, classes))
      throw new RampartError(`[attack ${plugin.name}] expected at least ${plugin.minClasses} classes, got ${classes}`);
    return [{ label: plugin.name, plugin, params: parsed(plugin, plugin.name, params) }];
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
    return { label, plugin: member, params: parsed(member, `${plugin.name}: ${label}`, entry.params) };
  });
  return all.filter((member) => enough(member.plugin, classes));
}
