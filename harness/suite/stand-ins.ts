/** Plug-ins in the place of those that were not loaded: they take any parameters and fit anything, so that the rest of a suite can be checked. */
import { z } from 'zod';
import type { AttackPlugin } from '../../attacks/attack.ts';
import type { DatasetPlugin } from '../../datasets/dataset.ts';
import type { DefensePlugin } from '../../defenses/defense.ts';
import { RampartError } from '../../errors.ts';
import type { ArchitecturePlugin } from '../../models/architecture.ts';
import { SIZES } from '../../tensor/norms/index.ts';

function notLoaded(name: string): never {
  throw new RampartError(`the plug-in of "${name}" was not loaded`, { remedy: 'load it with --trust' });
}

const common = (name: string) => ({ name, title: name, paper: '', version: 0, params: z.looseObject({}) });

export function standInAttack(name: string): AttackPlugin {
  return { ...common(name), access: 'gradient', norms: SIZES, cost: () => notLoaded(name), create: () => notLoaded(name) };
}

export function standInDefense(name: string): DefensePlugin {
  return { ...common(name), kind: 'training', cost: () => notLoaded(name), create: () => notLoaded(name) };
}

export function standInArchitecture(name: string): ArchitecturePlugin {
  return { ...common(name), members: {}, graph: () => notLoaded(name) };
}

export function standInDataset(name: string): DatasetPlugin {
  const load = async () => notLoaded(name);
  return { ...common(name), source: '', load, check: load };
}
