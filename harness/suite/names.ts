/** The names of a suite's models: what a plan calls them, known before anything is loaded. */
import type { Suite, SuiteDefense } from './suite.ts';

/** Architecture, data set and seed are named where the suite has several. */
export function trainedName(suite: Suite, label: string, arch: string, dataset: string, seed: number): string {
  const suffix = [
    suite.architectures.length > 1 ? ` ${arch}` : '',
    suite.datasets.length > 1 ? ` ${dataset}` : '',
    suite.seeds.length > 1 ? ` (seed ${seed})` : '',
  ];
  return label + suffix.join('');
}

export const wrappedName = (label: string, base: string): string => `${label} on ${base}`;

/** Every model with the place in the suite that it comes from. */
export function* namesOf(suite: Suite): Generator<{ name: string; path: (string | number)[] }> {
  for (const [i, { name }] of suite.models.entries()) yield { name, path: ['models', i, 'name'] };
  const trainings = (defense: SuiteDefense) =>
    suite.datasets.flatMap((data) =>
      defense.architectures.flatMap((arch) => suite.seeds.map((seed) => trainedName(suite, defense.label, arch, data.label, seed))),
    );
  for (const [i, defense] of suite.defenses.entries()) {
    const path = ['defenses', i];
    if (defense.kind === 'training') for (const name of trainings(defense)) yield { name, path };
    else
      for (const base of suite.defenses.filter((d) => d.kind === 'training' && defense.around.includes(d.label)))
        for (const name of trainings(base)) yield { name: wrappedName(defense.label, name), path };
  }
}
