/**
 * A run on Kubernetes, as the objects that `kubectl apply` takes: an indexed Job of workers, a Job that coordinates, a Redis with its
 * password in a Secret, and a claim on the volume that all of them share. Fields as in Kubernetes 1.33 (https://kubernetes.io/docs/reference).
 */

export interface KubernetesRun {
  /** Of the suite. */
  readonly name: string;
  readonly namespace?: string;
  readonly image: string;
  /** Pods that work. */
  readonly workers: number;
  /** Of each worker. */
  readonly gpus?: number;
  readonly cpus: number;
  readonly memory?: string;
  /** Where the volume is in a pod, and what lies on it: absolute paths below `mount`. */
  readonly mount: string;
  readonly out: string;
  readonly data: string;
  /** A claim that is there; else one is made, of so much. */
  readonly claim?: string;
  readonly storage: string;
  /** The suite's path in a pod; or its files, to be put there: names below a folder, and texts. */
  readonly suite: string | { readonly name: string; readonly files: ReadonlyMap<string, string> };
  /** For `rampart run` and `rampart worker`. */
  readonly engine: string;
  readonly threads: number;
  readonly precision?: string;
  readonly slots: number;
  /** For `rampart run`: how long cells are cut. */
  readonly shard?: string;
  /** Of a Redis that is there; else one of this run's own has this password. */
  readonly queue: { readonly address: string } | { readonly password: string };
}

export type KubernetesObject = { readonly apiVersion: string; readonly kind: string } & Readonly<Record<string, unknown>>;

const SUITE_FOLDER = '/etc/rampart/suite';
const REDIS_FOLDER = '/etc/redis';
const REDIS_PORT = 6379;

/** So long a pod has to give its job back once it is told to stop, in seconds. */
const GRACE = 120;

/** So long a pod waits for Redis, in seconds: its image may have to be fetched first. */
const WAIT = 1800;

/** Pods lost for another reason than the cluster's own: an image that does not start, memory. */
const RETRIES = 6;

/** A name that Kubernetes takes, with room for what is put behind it: letters of a DNS label, at most 40. */
export function kubernetesName(name: string): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 32)
    .replaceAll(/^-+|-+$/g, '');
  return plain === '' ? 'rampart' : `rampart-${plain}`;
}

/** In the order in which they are to be made. */
export function kubernetesObjects(run: KubernetesRun): KubernetesObject[] {
  const own = 'password' in run.queue;
  return [
    secret(run),
    ...(typeof run.suite === 'string' ? [] : [suiteFiles(run, run.suite.files)]),
    ...(run.claim === undefined ? [claim(run)] : []),
    ...(own ? [redis(run), redisService(run)] : []),
    coordinator(run),
    workers(run),
  ];
}

const named = (run: KubernetesRun, part: string) => `${kubernetesName(run.name)}-${part}`;
const labels = (run: KubernetesRun, part: string) => ({
  'app.kubernetes.io/name': kubernetesName(run.name),
  'app.kubernetes.io/component': part,
});

function metadata(run: KubernetesRun, part: string) {
  return { name: named(run, part), ...(run.namespace !== undefined && { namespace: run.namespace }), labels: labels(run, part) };
}

function secret(run: KubernetesRun): KubernetesObject {
  const { queue } = run;
  const stringData =
    'address' in queue
      ? { address: queue.address }
      : {
          address: `redis://:${queue.password}@${named(run, 'queue')}:${REDIS_PORT}`,
          'redis.conf': `port ${REDIS_PORT}\nrequirepass ${queue.password}\nsave ""\nappendonly no\nprotected-mode no\n`,
        };
  return { apiVersion: 'v1', kind: 'Secret', metadata: metadata(run, 'queue'), type: 'Opaque', stringData };
}

/** Keys of a ConfigMap hold no slash: the paths come back where it is mounted. */
function suiteFiles(run: KubernetesRun, files: ReadonlyMap<string, string>): KubernetesObject {
  const data = Object.fromEntries([...files.values()].map((text, i) => [`file-${i}`, text]));
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata(run, 'suite'), data };
}

function claim(run: KubernetesRun): KubernetesObject {
  const spec = { accessModes: ['ReadWriteMany'], resources: { requests: { storage: run.storage } } };
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: metadata(run, 'folder'), spec };
}

/** In memory: what it loses is handed out again. The password is in a file, so that no list of processes has it. */
function redis(run: KubernetesRun): KubernetesObject {
  const container = {
    name: 'redis',
    image: 'redis:7',
    command: ['redis-server', `${REDIS_FOLDER}/redis.conf`],
    ports: [{ name: 'redis', containerPort: REDIS_PORT }],
    readinessProbe: { tcpSocket: { port: REDIS_PORT } },
    resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '1Gi' } },
    volumeMounts: [{ name: 'configuration', mountPath: REDIS_FOLDER, readOnly: true }],
  };
  const configuration = { secretName: named(run, 'queue'), items: [{ key: 'redis.conf', path: 'redis.conf' }] };
  const template = {
    metadata: { labels: labels(run, 'queue') },
    spec: {
      automountServiceAccountToken: false,
      containers: [container],
      volumes: [{ name: 'configuration', secret: configuration }],
    },
  };
  const spec = { replicas: 1, strategy: { type: 'Recreate' }, selector: { matchLabels: labels(run, 'queue') }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata(run, 'queue'), spec };
}

function redisService(run: KubernetesRun): KubernetesObject {
  const spec = { selector: labels(run, 'queue'), ports: [{ name: 'redis', port: REDIS_PORT, targetPort: REDIS_PORT }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: metadata(run, 'queue'), spec };
}

/** Some cells failed, or the suite is wrong: the same again would end the same. A pod that was lost comes again. */
function coordinator(run: KubernetesRun): KubernetesObject {
  const podFailurePolicy = {
    rules: [
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      { action: 'FailJob', onExitCodes: { containerName: 'rampart', operator: 'In', values: [1, 2] } },
    ],
  };
  const resources = { requests: { cpu: '500m', memory: '1Gi' } };
  const spec = {
    backoffLimit: RETRIES,
    podReplacementPolicy: 'Failed',
    podFailurePolicy,
    template: pod(run, 'run', run.shard === undefined ? [] : ['--shard', run.shard], resources),
  };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: metadata(run, 'run'), spec };
}

/** A pod whose node is drained or taken comes again on another, however often; one that cannot start is given up after some tries, the others work on. */
function workers(run: KubernetesRun): KubernetesObject {
  const podFailurePolicy = {
    rules: [
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      { action: 'FailIndex', onExitCodes: { containerName: 'rampart', operator: 'In', values: [2] } },
    ],
  };
  const gpu = run.gpus === undefined ? {} : { 'nvidia.com/gpu': run.gpus };
  const memory = run.memory === undefined ? {} : { memory: run.memory };
  const resources = {
    requests: { cpu: String(run.cpus), ...memory, ...gpu },
    ...((run.gpus !== undefined || run.memory !== undefined) && { limits: { ...memory, ...gpu } }),
  };
  const spec = {
    completionMode: 'Indexed',
    completions: run.workers,
    parallelism: run.workers,
    backoffLimitPerIndex: RETRIES,
    maxFailedIndexes: run.workers,
    podReplacementPolicy: 'Failed',
    podFailurePolicy,
    template: pod(run, 'worker', ['--workers', String(run.slots), '--until-done'], resources),
  };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: metadata(run, 'workers'), spec };
}

function pod(run: KubernetesRun, command: 'run' | 'worker', options: readonly string[], resources: unknown) {
  const { suite } = run;
  const path = typeof suite === 'string' ? suite : `${SUITE_FOLDER}/${suite.name}`;
  const shared = [
    '--out',
    run.out,
    '--data',
    run.data,
    '--engine',
    run.engine,
    '--threads',
    String(run.threads),
    '--wait',
    String(WAIT),
    ...(run.precision === undefined ? [] : ['--precision', run.precision]),
  ];
  const container = {
    name: 'rampart',
    image: run.image,
    // no shell between: the signal to stop goes to it
    command: ['rampart', command, path, ...shared, ...options],
    env: [{ name: 'RAMPART_QUEUE', valueFrom: { secretKeyRef: { name: named(run, 'queue'), key: 'address' } } }],
    resources,
    volumeMounts: [
      { name: 'folder', mountPath: run.mount },
      ...(typeof suite === 'string' ? [] : [{ name: 'suite', mountPath: SUITE_FOLDER, readOnly: true }]),
    ],
  };
  const folder = { name: 'folder', persistentVolumeClaim: { claimName: run.claim ?? named(run, 'folder') } };
  return {
    metadata: { labels: labels(run, command) },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: GRACE,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [container],
      volumes: [folder, ...(typeof suite === 'string' ? [] : [suiteVolume(run, suite.files)])],
    },
  };
}

function suiteVolume(run: KubernetesRun, files: ReadonlyMap<string, string>) {
  const items = [...files.keys()].map((path, i) => ({ key: `file-${i}`, path }));
  return { name: 'suite', configMap: { name: named(run, 'suite'), items } };
}
