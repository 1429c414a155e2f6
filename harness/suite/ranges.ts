/** What only the suite as a whole shows to be out of range: balls larger than the box, names and threats that are there twice, classes too few, passes too many. */
import type { Passes } from '../../attacks/attack.ts';
import { type AnyAttack, costOf, membersOf } from '../../attacks/members.ts';
import { CHANNELS, SIDE } from '../../corruptions/corruption.ts';
import type { DatasetPlugin } from '../../datasets/dataset.ts';
import { RampartError } from '../../errors.ts';
import { type NormName, norm as normNamed } from '../../tensor/norms/index.ts';
import type { Shape } from '../../tensor/tf.ts';
import { MOST_MODELS, MOST_PASSES } from './most.ts';
import { namesOf } from './names.ts';
import type { Registry } from './registry.ts';
import { type Path, type Problem, problemOf } from './source/problems.ts';
import type { Suite } from './suite.ts';

export function rangeProblems(suite: Suite, registry: Registry): Problem[] {
  return [
    ...nameProblems(suite),
    ...threatProblems(suite, registry),
    ...architectureProblems(suite, registry),
    ...classProblems(suite, registry),
    ...passProblems(suite, registry),
  ];
}

/** The data sets of the suite whose shape and classes are known before their files are read; a stand-in's are not. */
function knownData(suite: Suite, registry: Registry): { label: string; plugin: Required<Pick<DatasetPlugin, 'shape' | 'classes'>> }[] {
  return suite.datasets.flatMap(({ label, ref }) => {
    const { shape, classes } = registry.dataset(ref.name);
    return shape && classes !== undefined ? [{ label, plugin: { shape, classes } }] : [];
  });
}

/** Two models of one name, or too many models. */
function nameProblems(suite: Suite): Problem[] {
  const seen = new Set<string>();
  for (const { name, path } of namesOf(suite)) {
    if (seen.has(name)) return [{ path, message: `two models are named "${name}": it is there twice; give one of them another name` }];
    if (seen.add(name).size > MOST_MODELS) return [{ path: [], message: `expected at most ${MOST_MODELS} models, got more` }];
  }
  return [];
}

/** A threat that is there twice, and balls that no image leaves. */
function threatProblems(suite: Suite, registry: Registry): Problem[] {
  const seen = new Set<string>();
  const twice = suite.threats.flatMap(({ norm, radii }, i): Problem[] => {
    const known = radii.find((eps) => seen.has(`${norm} ${eps}`));
    for (const eps of radii) seen.add(`${norm} ${eps}`);
    return known === undefined ? [] : [{ path: ['threats', i], message: `${norm} ${known} is there twice; leave one out` }];
  });
  const data = knownData(suite, registry);
  const beyond = (norm: NormName, eps: number, path: Path): Problem[] =>
    data.flatMap(({ label, plugin }) => {
      const [h, w, c] = plugin.shape;
      const diameter = normNamed(norm).ofOnes(h * w * c);
      if (eps <= diameter) return [];
      return [{ path, message: `expected at most ${diameter}, the ${norm} distance of two corners of the box on ${label}, got ${eps}` }];
    });
  return [
    ...twice,
    ...corruptionProblems(suite, data),
    ...suite.threats.flatMap(({ norm, radii }, i) => beyond(norm, Math.max(...radii), ['threats', i, 'eps'])),
    ...suite.defenses.flatMap(({ threat }, i) => beyond(threat.norm, threat.eps, ['defenses', i, 'threat', 'eps'])),
  ];
}

/** Images that corruptions have no parameters for. */
function corruptionProblems({ corruptions, threats }: Suite, data: ReturnType<typeof knownData>): Problem[] {
  if (!corruptions) return [];
  const fits = ([h, w, c]: Shape) => h === SIDE && w === SIDE && c === CHANNELS;
  return data
    .filter(({ plugin: { shape } }) => !fits(shape))
    .map(({ label, plugin: { shape } }) => ({
      path: ['threats', threats.length],
      message: `corruptions are of images of ${SIDE}x${SIDE}x${CHANNELS}, and those of ${label} are ${shape.join('x')}`,
    }));
}

/** An architecture that cannot take the images of a data set. */
function architectureProblems(suite: Suite, registry: Registry): Problem[] {
  const data = knownData(suite, registry);
  return suite.architectures.flatMap((name, i) => {
    const arch = registry.architecture(name);
    if (registry.isStandIn(arch.plugin)) return [];
    const trainedOn = (label: string) => suite.datasets.find((d) => d.label === label)?.architectures?.includes(name) ?? true;
    return data
      .filter(({ label }) => trainedOn(label))
      .flatMap(({ label, plugin: { shape, classes } }) => {
        const ones = Array.from({ length: shape[2] }, () => 1);
        return problemOf(['architectures', i], `on ${label}: `, () => arch.graph({ inputShape: shape, classes, mean: ones, std: ones }));
      });
  });
}

/** Attacks whose loss needs more classes than a data set has; of an ensemble only the members that do are left out. */
function classProblems(suite: Suite, registry: Registry): Problem[] {
  const data = knownData(suite, registry);
  return suite.attacks.flatMap(({ ref }, i) => {
    const plugin = registry.attack(ref.name);
    const least = Math.max(...[plugin, registry.innerOf(plugin, ref.params)?.plugin].map(fewestClasses));
    return data.flatMap(({ label, plugin: { classes } }): Problem[] => {
      if (classes >= least) return [];
      const others = [...registry.attacks.values()].filter(
        (a) => !('members' in a) && (a.minClasses ?? 2) <= classes && a.access === plugin.access,
      );
      const remedy = others.length > 0 ? `; use one of ${others.map((a) => a.name).join(', ')}` : '';
      return [
        { path: ['attacks', i], message: `expected at least ${least} classes for ${ref.name}, got the ${classes} of ${label}${remedy}` },
      ];
    });
  });
}

/** Of an ensemble it is the least that any has: members that need more are left out. */
const fewestClasses = (plugin: AnyAttack | undefined) => (plugin && !('members' in plugin) ? (plugin.minClasses ?? 2) : 2);

/** Classes enough for any loss: which are too few for an attack is said by another check. */
const MANY = 1000;

/** More passes over an image than anything could need. */
function passProblems(suite: Suite, registry: Registry): Problem[] {
  const classes = Math.max(2, ...knownData(suite, registry).map(({ plugin }) => plugin.classes));
  const attacks = suite.attacks.flatMap(({ ref }, i) => {
    const plugin = registry.attack(ref.name);
    return 'members' in plugin || registry.isStandIn(plugin)
      ? []
      : problemOf(['attacks', i], '', () => {
          const lookup = (name: string) => registry.attack(name);
          for (const norm of registry.normsOf(ref))
            checkPasses(costOf(membersOf(plugin, ref.params, { norm, eps: 1 }, Math.max(classes, MANY), lookup), classes, norm));
        });
  });
  const defenses = suite.defenses.flatMap(({ ref }, i) => {
    const plugin = registry.defense(ref.name);
    return plugin.kind === 'wrapper' || registry.isStandIn(plugin)
      ? []
      : problemOf(['defenses', i], '', () => checkPasses(plugin.cost(ref.params)));
  });
  return [...attacks, ...defenses];
}

function checkPasses({ forward, backward }: Passes): void {
  const passes = forward + backward;
  if (!(passes <= MOST_PASSES)) throw new RampartError(`expected at most ${MOST_PASSES} passes per image, got ${passes}`);
}
