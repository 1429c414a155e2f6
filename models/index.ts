/** The table of architectures, and the reading of their names. */
import { RampartError, unknownName } from '../errors.ts';
import type { Rng } from '../tensor/rng.ts';
import type { Architecture, ArchitecturePlugin, ArchSetup } from './architecture.ts';
import cnnSmall from './cnn-small.ts';
import convnext from './convnext.ts';
import dmPreactResnet from './dm-preact-resnet.ts';
import dmWideResnet from './dm-wide-resnet.ts';
import { Network } from './network.ts';
import preactResnet from './preact-resnet.ts';
import resnet from './resnet.ts';
import resnetTiny from './resnet-tiny.ts';
import swin from './swin.ts';
import vit from './vit.ts';
import wideResnet from './wide-resnet.ts';

export const architectures: readonly ArchitecturePlugin[] = [
  cnnSmall,
  resnetTiny,
  resnet,
  preactResnet,
  wideResnet,
  dmWideResnet,
  dmPreactResnet,
  vit,
  convnext,
  swin,
];

/** Names of those that people use, to choose from. */
export function namesOf(plugins: readonly ArchitecturePlugin[]): string[] {
  return plugins.flatMap((a) => Object.keys(a.members));
}

const LONGEST_NAME = 300;

const wordsOf = (text: string) => text.slice(0, LONGEST_NAME).trim().split(/\s+/);

/**
 * The architecture of a name with parameters behind it, `wrn-34-20` or `preact-resnet-18 shortcut=raw`, out of the families `plugins`. Throws
 * a RampartError that names the nearest name or the parameter that is wrong.
 */
export function architecture(text: string, plugins = architectures): Architecture {
  const found = findArchitecture(text, plugins);
  if (found) return found;
  throw unknownName('architecture', wordsOf(text)[0] ?? '', namesOf(plugins));
}

/** `architecture`, or undefined where none of the families has such a name. */
export function findArchitecture(text: string, plugins = architectures): Architecture | undefined {
  const [name = '', ...words] = wordsOf(text);
  for (const plugin of plugins) {
    const known = name === plugin.name ? {} : plugin.parse?.(name);
    if (known) return withParams(plugin, { ...known, ...given(name, words) }, text);
  }
  return undefined;
}

function given(name: string, words: readonly string[]): Record<string, unknown> {
  const wrong = words.find((word) => word.indexOf('=') <= 0);
  if (wrong !== undefined) throw new RampartError(`[architecture ${name}] expected parameters such as key=value, got "${wrong}"`);
  return paramsIn(words);
}

/** `shortcut=raw` and the like, values as JSON where they are. */
export function paramsIn(words: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      const value = word.slice(at + 1);
      try {
        return [word.slice(0, at), JSON.parse(value)];
      } catch {
        return [word.slice(0, at), value]; // a plain word
      }
    }),
  );
}

function withParams(plugin: ArchitecturePlugin, wanted: Record<string, unknown>, text: string): Architecture {
  const parsed = plugin.params.safeParse(wanted);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') || 'parameters';
    throw new RampartError(`[architecture ${text}] ${where}: ${issue?.message}`);
  }
  const params = parsed.data as Record<string, unknown>;
  const { title, version, unread, renamings } = plugin;
  return { plugin, name: canonicalName(plugin, params), title, version, unread, renamings, graph: (setup) => plugin.graph(params, setup) };
}

/** The name that `parse` reads, and behind it each parameter that it does not give as it is here. */
function canonicalName(plugin: ArchitecturePlugin, params: Record<string, unknown>): string {
  const name = plugin.nameOf?.(params) ?? plugin.name;
  const told = plugin.params.parse(name === plugin.name ? {} : (plugin.parse?.(name) ?? {})) as Record<string, unknown>;
  const rest = Object.entries(params).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(told[key]));
  return [name, ...rest.map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)].join(' ');
}

/** A network with initial weights drawn from `rng`. The caller owns it. */
export function createNetwork(arch: string | Architecture, setup: ArchSetup, rng: Rng): Network {
  const { name, graph } = typeof arch === 'string' ? architecture(arch) : arch;
  return new Network(name, graph(setup), rng);
}
