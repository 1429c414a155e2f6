/** `rampart submit --kubernetes`: a run on Kubernetes as a manifest, which its user reads and hands to `kubectl apply`. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, posix, relative, resolve, sep } from 'node:path';
import { stringify } from 'yaml';
import { RampartError } from '../../errors.ts';
import { kubernetesName, kubernetesObjects } from '../../harness/run/queue/kubernetes.ts';
import { MOST_PROCESSORS } from '../../harness/suite/most.ts';
import type { Registry } from '../../harness/suite/registry.ts';
import { filesOfSuite } from '../../harness/suite/source/extends.ts';
import type { Suite } from '../../harness/suite/suite.ts';
import { precisionOf, shardOption } from '../chosen.ts';
import { countOption, engineOf, queueOf, type RawOptions, UsageError } from '../options.ts';
import { dim, print, printBlock, shownPath } from '../output.ts';

export interface KubernetesOptions extends RawOptions {
  array?: unknown;
  gpus?: unknown;
  mem?: unknown;
  image?: unknown;
  mount?: unknown;
  claim?: unknown;
  storage?: unknown;
  namespace?: unknown;
  manifest?: string;
}

/** What a ConfigMap may hold. */
const MOST_BYTES = 1_000_000;

export function submitToKubernetes(suite: Suite, registry: Registry, options: KubernetesOptions): number {
  const mount = absolute('mount', options.mount ?? '/shared');
  const below = (name: string, path: string) => {
    const full = posix.resolve(mount, path);
    if (full.startsWith(`${mount}/`)) return full;
    throw new UsageError(
      `[--${name}] expected a path below ${mount}, where the pods have the volume, got "${path}"; --mount names another`,
    );
  };
  const gpus = countOption('gpus', options.gpus, 1024);
  const threads = countOption('threads', options.threads, MOST_PROCESSORS) ?? 1;
  const slots = countOption('workers', options.workers, MOST_PROCESSORS) ?? 1;
  const address = queueOf(options);
  const password = randomBytes(24).toString('hex');
  const run = {
    name: suite.name,
    image: word('image', options.image, 'an image with Node and rampart, such as registry.example.org/rampart:1'),
    workers: countOption('array', options.array, 100_000) ?? 1,
    cpus: threads * slots,
    mount,
    out: below('out', options.out === undefined ? `runs/${suite.name}` : String(options.out)),
    data: below('data', options.data ?? 'data'),
    storage: word('storage', options.storage ?? '100Gi', 'a size such as 100Gi'),
    suite: suite.file.startsWith(`${mount}/`) ? suite.file : { name: basename(suite.file), files: filesOf(suite, registry) },
    engine: engineOf(options) ?? (gpus === undefined ? 'auto' : 'torch:cuda'),
    threads,
    slots,
    queue: address === undefined ? { password } : { address },
    ...(options.namespace !== undefined && { namespace: word('namespace', options.namespace, 'a name') }),
    ...(options.claim !== undefined && { claim: word('claim', options.claim, 'the name of a PersistentVolumeClaim') }),
    ...(options.mem !== undefined && { memory: word('mem', options.mem, 'a size such as 16Gi') }),
    ...(gpus !== undefined && { gpus }),
    ...(precisionOf(options) !== undefined && { precision: precisionOf(options) }),
    ...(options.shard !== undefined && { shard: String(shardOption(options.shard)) }),
  };
  const text = kubernetesObjects(run)
    .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
  const file = resolve(options.manifest ?? `${kubernetesName(suite.name)}.yaml`);
  // one that is there keeps the rights that it has
  if (existsSync(file)) rmSync(file);
  writeFileSync(file, text, { mode: 0o600 });
  const secret = address ?? password;
  printBlock(text.replaceAll(secret, '***'));
  print(dim(`kept as ${shownPath(file)}, with the password; hand it in with: kubectl apply -f ${shownPath(file)}`));
  return 0;
}

/** The suite, what it is made of, and its plug-ins with what they import by path, which travel with the manifest. Whatever else it reads is too large for that. */
function filesOf(suite: Suite, { loaded }: Registry): Map<string, string> {
  const folder = dirname(resolve(suite.file));
  const elsewhere = (what: string) =>
    new RampartError(`[submit] ${what}, which a manifest cannot carry`, {
      remedy: 'put the suite and its files on the volume, and submit from where it is seen under --mount',
    });
  if (suite.models.length > 0) throw elsewhere('the suite has models in files of their own');
  const files = new Map<string, string>();
  const { suites, named } = filesOfSuite(suite.file);
  const parts = suite.plugins.flatMap((path, i) => (loaded[i] ?? []).map((part) => join(dirname(realpathSync(path)), part.path)));
  for (const path of [...suites, ...named, ...suite.plugins, ...parts]) {
    const inside = [folder, realpathSync(folder)].map((root) => relative(root, path)).find((name) => !name.startsWith('..'));
    if (inside === undefined) throw elsewhere(`${path}, which the suite needs, is not in its folder`);
    if (statSync(path).isDirectory()) throw elsewhere(`the suite names the folder ${path}`);
    files.set(inside.split(sep).join('/'), readFileSync(path, 'utf8'));
  }
  const bytes = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > MOST_BYTES) throw elsewhere(`suite and plug-ins have ${bytes} bytes`);
  return files;
}

function absolute(name: string, value: unknown): string {
  const path = word(name, value, 'a path such as /shared');
  if (posix.isAbsolute(path) && posix.normalize(path) !== '/') return posix.normalize(path).replace(/\/$/, '');
  throw new UsageError(`[--${name}] expected an absolute path of a folder, got "${path}"`);
}

function word(name: string, value: unknown, what: string): string {
  if (value !== undefined && /^[\w.:@/+-]+$/.test(String(value))) return String(value);
  throw new UsageError(`[--${name}] expected ${what}, got ${value === undefined ? 'none' : JSON.stringify(value)}`);
}
