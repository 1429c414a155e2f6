/**
 * Whether this machine's GPU gives the right numbers, and how fast: `npm run check:gpu -- [--device cuda:0] [--arch resnet-18,wrn-28-10,wrn-34-10]
 * [--seconds 4] [--python python3] [--compile default] [--price 2.50] [--skip tests,peer] [--out build/check-gpu]`.
 * Runs the tests of the torch engine and the authors' vectors on the device, AutoAttack on the 256 reference images against the authors' outcomes,
 * and steps of training and attack beside PyTorch; writes one JSON file and one table. `--device cpu` tries all of it where no GPU is.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, platform, release } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import autoattack from '../attacks/autoattack.ts';
import { heldSplit } from '../datasets/split.ts';
import { chooseEngine } from '../engines/choose.ts';
import type { EngineInfo } from '../engines/engine.ts';
import { RampartError } from '../errors.ts';
import { evaluate } from '../harness/evaluate/evaluate.ts';
import { predictClean } from '../harness/evaluate/predict.ts';
import { gitRevision, packageRoot } from '../harness/job/provenance.ts';
import { createNetwork } from '../models/index.ts';
import { readSafetensors } from '../models/safetensors.ts';
import { Rng } from '../tensor/rng.ts';
import { replayedAsEager } from './parts/graphs.ts';
import { peerRates, type Rates, rate, stepsOf, TASKS } from './rates.ts';

const { values: args } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    arch: { type: 'string', default: 'resnet-18,wrn-28-10,wrn-34-10' },
    batch: { type: 'string', default: '128' },
    seconds: { type: 'string', default: '4' },
    threads: { type: 'string', default: '1' },
    python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
    compile: { type: 'string', default: 'default' },
    price: { type: 'string' },
    skip: { type: 'string', default: '' },
    out: { type: 'string', default: 'build/check-gpu' },
  },
});

interface Check {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly detail: string;
  readonly seconds: number;
}

interface Speed {
  readonly arch: string;
  readonly task: string;
  readonly ours: number;
  readonly eager?: number;
  readonly compiled?: number;
}

interface Member {
  readonly attack: string;
  readonly entered: number;
  readonly left: number;
  readonly seconds: number;
}

const root = packageRoot();
const skipped = args.skip.split(',');
const threads = Number(args.threads);
const golden = (name: string) => readFileSync(join(root, 'test/golden', name));

/** Runs one check; what it throws is its failure. */
async function check(name: string, body: () => Promise<string> | string): Promise<Check> {
  const start = performance.now();
  const end = (outcome: Check['outcome'], detail: string): Check => {
    const seconds = (performance.now() - start) / 1000;
    console.log(`${outcome.padEnd(8)}${name}: ${detail} (${seconds.toFixed(1)} s)`);
    return { name, outcome, detail, seconds };
  };
  if (skipped.includes(name)) return end('skipped', 'as asked');
  try {
    return end('passed', await body());
  } catch (error) {
    return end('failed', error instanceof Error ? error.message : String(error));
  }
}

function notApplicable(name: string, why: string): Check {
  console.log(`${'skipped'.padEnd(8)}${name}: not applicable: ${why}`);
  return { name, outcome: 'skipped', detail: `not applicable: ${why}`, seconds: 0 };
}

interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[] }[];
}

/** Kernels against the plain backend, the frozen and the training pass against the tape, memory over thousands of steps, and the authors' attacks and defenses. */
const TESTS = [
  'convolution',
  'errors',
  'frozen',
  'memory',
  'out-of-memory',
  'precision',
  'reference',
  'replay',
  'search',
  'square-points',
  'steps',
  'syncs',
  'training',
].map((name) => `test/torch/${name}.test.ts`);
const VECTORS = [
  'test/attacks/pgd-golden.test.ts',
  'test/attacks/parts/apgd',
  'test/attacks/parts/fab',
  'test/defenses/reference.test.ts',
  'test/defenses/fast.test.ts',
];

function runTests(files: readonly string[]): string {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  if (!existsSync(vitest)) throw new RampartError(`[check] ${vitest} is missing; run npm ci`);
  const report = resolve(args.out, 'tests.json');
  spawnSync(
    process.execPath,
    [vitest, 'run', '--maxWorkers=1', '--testTimeout=300000', '--reporter=json', `--outputFile=${report}`, ...files],
    {
      cwd: root,
      stdio: 'ignore',
      env: { ...process.env, RAMPART_TEST_DEVICE: args.device },
    },
  );
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as TestReport;
  const failed = testResults.flatMap((f) => f.assertionResults.filter((t) => t.status === 'failed').map((t) => t.fullName));
  if (numFailedTests > 0 || numPassedTests === 0)
    throw new RampartError(`${numFailedTests} of ${numFailedTests + numPassedTests} tests failed: ${failed.slice(0, 8).join('; ')}`);
  return `${numPassedTests} tests`;
}

/** AutoAttack standard at Linf 8/255 on the first 256 test images of CIFAR-10, image for image as the authors' code has it. */
async function autoAttack(members: Member[]): Promise<string> {
  const entries = readSafetensors(golden('first256.safetensors'), 'first256.safetensors').entries;
  const [pixels, labels] = [entries.get('images')?.data, entries.get('labels')?.data];
  if (!pixels || !labels) throw new RampartError('[check] first256.safetensors lacks images or labels');
  const n = labels.length;
  const images = new Uint8Array(pixels.length);
  for (let i = 0; i < n; i++)
    for (let c = 0; c < 3; c++) for (let p = 0; p < 1024; p++) images[i * 3072 + p * 3 + c] = pixels[i * 3072 + c * 1024 + p] as number;
  const data = { ...heldSplit({ images, labels: Int32Array.from(labels) }), shape: [32, 32, 3] as const };
  const setup = { inputShape: data.shape, classes: 10, mean: [0, 0, 0], std: [1, 1, 1] };
  const network = createNetwork('resnet-tiny', setup, new Rng('check'));
  network.load(readSafetensors(golden('model.safetensors'), 'model.safetensors').entries, 'model.safetensors');
  const classifier = network.freeze();
  const batchSize = Number(args.batch);
  const subject = { classifier, name: 'reference', rng: new Rng('bench 0') };
  const clean = await predictClean(subject, data, batchSize);
  const result = await evaluate({
    ...subject,
    attack: autoattack,
    params: autoattack.params.parse({}),
    threat: { norm: 'Linf', eps: 8 / 255 },
    data,
    clean: clean.robust,
    cleanPredictions: clean.predictions,
    batchSize,
    sources: new Map(),
    signal: new AbortController().signal,
  });
  for (const { attack, entered, left, wallMs } of result.members ?? []) members.push({ attack, entered, left, seconds: wallMs / 1000 });
  const { clean: theirClean, linf_ensemble } = (
    JSON.parse(golden('autoattack.json').toString()) as {
      models: Record<string, { clean: string; linf_ensemble: { robust: string } }>;
    }
  ).models['model.safetensors'] as { clean: string; linf_ensemble: { robust: string } };
  const differing = (a: string, b: string) => [...a].filter((c, i) => c !== b[i]).length;
  const [cleanOff, robustOff] = [differing(clean.robust, theirClean), differing(result.robust, linf_ensemble.robust)];
  const count = (s: string) => [...s].filter((c) => c === '1').length;
  if (cleanOff + robustOff > 0)
    throw new RampartError(
      `expected the outcomes of the authors' code on all ${n} images, got ${cleanOff} others before and ${robustOff} after`,
    );
  return `${count(clean.robust)} right, ${count(result.robust)} robust of ${n}, each image as the authors' code has it`;
}

async function speeds(rows: Speed[]): Promise<string> {
  // as PyTorch beside it has its convolutions
  const { info } = await chooseEngine(`torch:${args.device}`, { threads, precision: args.device === 'cpu' ? 'fp32' : 'tf32' });
  const measure = { batch: Number(args.batch), seconds: Number(args.seconds), threads };
  const script = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? './engine_peer.py' : '../../bench/engine_peer.py', import.meta.url),
  );
  process.env.PYTHON = args.python;
  const onDevice = ['--device', args.device.split(':')[0] ?? 'cpu', '--tf32'];
  for (const arch of args.arch.split(',')) {
    const steps = stepsOf(arch, measure.batch);
    const ours: Rates = {};
    for (const task of TASKS) ours[task] = await rate(steps[task], measure);
    const peer = !skipped.includes('peer');
    const eager = peer ? peerRates(script, arch, measure, onDevice) : {};
    const compiled = peer && args.compile !== '' ? peerRates(script, arch, measure, [...onDevice, '--compile', args.compile]) : {};
    for (const task of TASKS) rows.push({ arch, task, ours: ours[task] as number, eager: eager[task], compiled: compiled[task] });
  }
  return `${rows.length} steps in ${info.precision}`;
}

const number = (value: number | undefined) => (value === undefined ? '-' : value.toLocaleString('en', { maximumFractionDigits: 1 }));

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

interface Report {
  readonly info: EngineInfo;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly system: string; readonly gpu: string };
  readonly revision: string;
  readonly checks: readonly Check[];
  readonly members: readonly Member[];
  readonly speeds: readonly Speed[];
  /** For AutoAttack on 10,000 images of this network. */
  readonly hours?: number;
  readonly price?: number;
}

function markdown({ info, machine, revision, checks, members, speeds, hours, price }: Report): string {
  const ratio = ({ ours, eager, compiled }: Speed) => (eager === undefined ? '-' : (ours / Math.max(eager, compiled ?? 0)).toFixed(2));
  return [
    `libtorch ${info.version} on ${info.device} (${machine.gpu}), ${info.threads} threads, ${machine.cpu}, revision ${revision}`,
    table(
      ['check', 'outcome', 'detail', 'seconds'],
      checks.map((c) => [c.name, c.outcome, c.detail.replaceAll('|', '/'), c.seconds.toFixed(1)]),
    ),
    table(
      ['member of AutoAttack', 'in', 'left', 'seconds'],
      members.map((m) => [m.attack, String(m.entered), String(m.left), m.seconds.toFixed(2)]),
    ),
    ...(hours === undefined
      ? []
      : [
          `AutoAttack on 10,000 images: ${hours.toFixed(2)} hours of the device${price === undefined ? '' : `, ${price.toFixed(2)} at the price given`}.`,
        ]),
    `Images per second at batch ${args.batch}; the ratio is to the better of PyTorch's two.`,
    table(
      ['network', 'step', 'Rampart', 'PyTorch eager', `torch.compile ${args.compile}`, 'ratio'],
      speeds.map((s) => [s.arch, s.task, number(s.ours), number(s.eager), number(s.compiled), ratio(s)]),
    ),
    '',
  ].join('\n\n');
}

/** What the driver calls the GPU; `none` on a CPU. */
function gpuName(): string {
  if (args.device === 'cpu') return 'none';
  const { stdout } = spawnSync(
    'nvidia-smi',
    ['--query-gpu=name,driver_version', '--format=csv,noheader', '-i', args.device.split(':')[1] ?? '0'],
    {
      encoding: 'utf8',
    },
  );
  return stdout?.trim() || 'unknown';
}

mkdirSync(resolve(args.out), { recursive: true });
const checks: Check[] = [];
const members: Member[] = [];
const rows: Speed[] = [];
const { info } = await chooseEngine(`torch:${args.device}`, { threads });
checks.push(await check('engine', () => `libtorch ${info.version} on ${info.device}${info.warnings.map((w) => `; ${w}`).join('')}`));
checks.push(await check('tests', () => runTests(TESTS)));
checks.push(await check('vectors', () => runTests(VECTORS)));
checks.push(await check('autoattack', () => autoAttack(members)));
checks.push(
  args.device === 'cpu'
    ? notApplicable('graphs', 'CUDA graphs are of GPUs')
    : await check('graphs', () => replayedAsEager(Number(args.batch))),
);
checks.push(await check('speed', () => speeds(rows)));
const seconds = members.reduce((sum, m) => sum + m.seconds, 0);
const images = 256;
const hours = seconds > 0 ? (seconds / images) * (10_000 / 3600) : undefined;
const report: Report = {
  info,
  machine: { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, system: `${platform()} ${release()}`, gpu: gpuName() },
  revision: gitRevision(),
  checks,
  members,
  speeds: rows,
  ...(hours !== undefined && { hours }),
  ...(hours !== undefined && args.price !== undefined && { price: hours * Number(args.price) }),
};
const file = resolve(args.out, 'check-gpu.json');
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
writeFileSync(resolve(args.out, 'check-gpu.md'), markdown(report));
console.log(`${file}\n${join(dirname(file), 'check-gpu.md')}`);
process.exit(checks.some((c) => c.outcome === 'failed') ? 1 : 0);
