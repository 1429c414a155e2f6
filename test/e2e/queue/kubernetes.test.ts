/** `rampart submit --kubernetes`: what it writes, held to Kubernetes' own schema. No cluster is asked. */
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type KubernetesObject, type KubernetesRun, kubernetesName, kubernetesObjects } from '../../../harness/run/queue/kubernetes.ts';
import { put, rampart, workFolder } from '../cli.ts';

const RUN: KubernetesRun = {
  name: 'Robust CIFAR',
  image: 'registry.example.org/rampart:1',
  workers: 8,
  gpus: 1,
  cpus: 4,
  memory: '32Gi',
  mount: '/shared',
  out: '/shared/runs/robust',
  data: '/shared/data',
  storage: '200Gi',
  suite: {
    name: 'suite.yml',
    files: new Map([
      ['suite.yml', 'name: x'],
      ['plugins/own.ts', 'export {}'],
    ]),
  },
  engine: 'torch:cuda',
  threads: 4,
  slots: 1,
  queue: { password: 'hush-hush' },
};

/** Throws where Kubernetes would refuse a value. Its types would be asked for by every program that reads this file: loaded by name. */
async function validate({ apiVersion, kind, ...rest }: KubernetesObject): Promise<void> {
  const name = ['kubernetes-models', apiVersion].join('/');
  const models = await import(/* @vite-ignore */ name);
  new models[kind](rest).validate();
}

type Path = readonly (string | number)[];

/** Paths to everything in an object that is neither an object nor a list. */
function leaves(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...at, Array.isArray(value) ? Number(key) : key]));
}

/** A copy with another value at a path. */
function changed<T>(value: T, path: Path, to: unknown): T {
  const copy = structuredClone(value);
  const last = path.at(-1) as string;
  const holder = path.slice(0, -1).reduce((inner, key) => inner[key as string] as Record<string, unknown>, copy as Record<string, unknown>);
  holder[last] = to;
  return copy;
}

const find = (objects: readonly KubernetesObject[], kind: string, end = '') =>
  objects.find((o) => o.kind === kind && String((o.metadata as { name: string }).name).endsWith(end)) as never as {
    // biome-ignore lint/suspicious/noExplicitAny: a manifest is read as its users read it
    spec: any;
  };

describe('the manifest', () => {
  test.each([
    ['with everything of its own', RUN],
    ['on a Redis and a claim that are there', { ...RUN, queue: { address: 'rediss://:a@host:6380' }, claim: 'ours', namespace: 'science' }],
    ['without GPUs', { ...RUN, gpus: undefined, memory: undefined, suite: '/shared/suite.yml' }],
  ])('%s fits the schema, and so does each of its fields: another type in its place does not', async (_, run) => {
    const objects = kubernetesObjects(run as KubernetesRun);
    for (const object of objects) {
      await expect(validate(object), object.kind).resolves.toBeUndefined();
      for (const path of leaves(object)) {
        if (path[0] === 'apiVersion' || path[0] === 'kind') continue;
        await expect(validate(changed(object, path, [{}])), `${object.kind} ${path.join('.')}`).rejects.toThrow();
      }
    }
    expect(objects.map((o) => o.kind)).toEqual([
      'Secret',
      ...(typeof run.suite === 'string' ? [] : ['ConfigMap']),
      ...('claim' in run ? [] : ['PersistentVolumeClaim', 'Deployment', 'Service']),
      'Job',
      'Job',
    ]);
  });

  test('workers are an indexed Job with a GPU each, told to stop with time to give back what they do, and come again on another node', () => {
    const { spec } = find(kubernetesObjects(RUN), 'Job', 'workers');
    expect(spec).toMatchObject({
      completionMode: 'Indexed',
      completions: 8,
      parallelism: 8,
      backoffLimitPerIndex: 6,
      podReplacementPolicy: 'Failed',
    });
    expect(spec.podFailurePolicy.rules[0]).toEqual({ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] });
    const pod = spec.template.spec;
    expect(pod).toMatchObject({ restartPolicy: 'Never', terminationGracePeriodSeconds: 120 });
    const [{ command, resources, env }] = pod.containers;
    expect(command.slice(0, 3)).toEqual(['rampart', 'worker', '/etc/rampart/suite/suite.yml']);
    expect(command.join(' ')).toContain(
      '--out /shared/runs/robust --data /shared/data --engine torch:cuda --threads 4 --wait 1800 --workers 1 --until-done',
    );
    expect(resources).toEqual({
      requests: { cpu: '4', memory: '32Gi', 'nvidia.com/gpu': 1 },
      limits: { memory: '32Gi', 'nvidia.com/gpu': 1 },
    });
    expect(env).toEqual([{ name: 'RAMPART_QUEUE', valueFrom: { secretKeyRef: { name: 'rampart-robust-cifar-queue', key: 'address' } } }]);
    expect(pod.volumes[1].configMap.items).toContainEqual({ key: 'file-1', path: 'plugins/own.ts' });
  });

  test('the password stands in the Secret alone', () => {
    const [secret, ...others] = kubernetesObjects(RUN);
    expect(secret?.stringData).toMatchObject({ address: 'redis://:hush-hush@rampart-robust-cifar-queue:6379' });
    expect(JSON.stringify(others)).not.toContain('hush-hush');
    const { spec } = find(others, 'Deployment');
    expect(spec.template.spec.containers[0].command).toEqual(['redis-server', '/etc/redis/redis.conf']);
  });
});

test('a name becomes one that Kubernetes takes', () => {
  expect(kubernetesName('Robust CIFAR-10: all/of it')).toBe('rampart-robust-cifar-10-all-of-it');
  expect(kubernetesName('---')).toBe('rampart');
  expect(`${kubernetesName('a'.repeat(300))}-workers-99999`.length).toBeLessThanOrEqual(63);
});

describe('the command', () => {
  const SUITE =
    'name: on-kubernetes\ntitle: T\ndatasets: [shapes]\nthreats: [{ norm: Linf, eps: 8/255 }]\narchitectures: [cnn-small]\ndefenses: [standard]\nattacks: [fgsm]\n';

  test('keeps a manifest that nobody else can read, shows it without its password, and carries the suite', () => {
    const folder = workFolder();
    const suite = put(folder, 'suite.yml', SUITE);
    const manifest = join(folder, 'run.yaml');
    const { code, output } = rampart(
      'submit',
      suite,
      '--kubernetes',
      '--image',
      'rampart:1',
      '--array',
      '4',
      '--gpus',
      '1',
      '--manifest',
      manifest,
    );
    expect(code, output).toBe(0);
    expect(output).toContain(`kubectl apply -f`);
    const text = readFileSync(manifest, 'utf8');
    expect(statSync(manifest).mode & 0o077).toBe(0);
    const [, password = ''] = /requirepass (\w{48})/.exec(text) ?? [];
    expect(password).not.toBe('');
    expect(output).not.toContain(password);
    const objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
    expect(objects.map(({ kind }) => kind)).toEqual([
      'Secret',
      'ConfigMap',
      'PersistentVolumeClaim',
      'Deployment',
      'Service',
      'Job',
      'Job',
    ]);
    expect(objects[1]?.data).toEqual({ 'file-0': SUITE });
    expect(find(objects, 'Job', 'workers').spec.template.spec.containers[0].command.join(' ')).toContain(
      '--out /shared/runs/on-kubernetes --data /shared/data',
    );
  });

  test('carries what the suite is made of: what it extends, images by index, and what plug-ins import', () => {
    const folder = workFolder();
    const plugin = "import { name } from './named.ts';\nimport { fgsm } from './deep/own.ts';\nexport default { ...fgsm, name };\n";
    const own =
      "import { z } from 'zod';\nexport const fgsm = { title: 'T', paper: '', version: 1, access: 'scores', norms: ['Linf'], params: z.strictObject({}), cost: () => ({ forward: 0, backward: 0 }), create: () => ({ perturb: async (b) => b.x.clone() }) };\n";
    mkdirSync(join(folder, 'deep'));
    const files: Record<string, string> = {
      'suite.yml': 'extends: base.yml\nname: above\ndatasets: [{ name: shapes, test: { indices: images.txt } }]\nplugins: [mine.ts]\n',
      'base.yml': SUITE,
      'images.txt': '3\n5\n',
      'mine.ts': plugin,
      'named.ts': "export const name = 'mine';\n",
      'deep/own.ts': own,
    };
    for (const [name, text] of Object.entries(files)) put(folder, name, text);
    const manifest = join(folder, 'run.yaml');
    const { code, output } = rampart(
      ...['submit', join(folder, 'suite.yml'), '--kubernetes', '--image', 'rampart:1', '--trust', '--manifest', manifest],
    );
    expect(code, output).toBe(0);
    const objects = parseAllDocuments(readFileSync(manifest, 'utf8')).map((document) => document.toJS() as KubernetesObject);
    const { items } = find(objects, 'Job', 'workers').spec.template.spec.volumes.find(
      (v: { configMap?: unknown }) => v.configMap,
    ).configMap;
    const texts = objects[1]?.data as Record<string, string> | undefined;
    const carried = (items as { key: string; path: string }[]).map(({ key, path }) => [path, texts?.[key]]);
    expect(Object.fromEntries(carried)).toEqual(files);
    put(folder, 'suite.yml', `extends: ../${basename(folder)}-elsewhere/base.yml\nname: above\n`);
    mkdirSync(`${folder}-elsewhere`);
    onTestFinished(() => rmSync(`${folder}-elsewhere`, { recursive: true }));
    put(`${folder}-elsewhere`, 'base.yml', SUITE);
    expect(rampart('submit', join(folder, 'suite.yml'), '--kubernetes', '--image', 'r', '--manifest', manifest)).toMatchObject({
      code: 2,
      output: expect.stringContaining('base.yml, which the suite needs, is not in its folder, which a manifest cannot carry'),
    });
  });

  test('says what it cannot carry, and what is no place on the volume', () => {
    const folder = workFolder();
    const suite = put(folder, 'suite.yml', SUITE);
    const submit = (...args: string[]) => rampart('submit', suite, '--kubernetes', '--manifest', join(folder, 'x.yaml'), ...args);
    expect(submit().output).toContain('[--image] expected an image with Node and rampart');
    expect(submit('--image', 'r', '--out', '/elsewhere/run')).toMatchObject({
      code: 2,
      output: expect.stringContaining('[--out] expected a path below /shared'),
    });
    expect(submit('--image', 'r', '--slurm').output).toContain('[submit] expected --slurm or --kubernetes');
    put(folder, 'suite.yml', `${SUITE}plugins: [../../test/e2e/none.ts]\n`);
    expect(submit('--image', 'r').code).toBe(2);
  });
});
