/**
 * AutoAttack, member by member: passes per example, seconds, where they go, and the authors' code on the same work beside it, with the ratio of
 * each; then AutoAttack lean on the same images, whose answer should be theirs at a tenth of the authors' time.
 * `npm run bench:attacks -- --data DIR [--weights FILE] [--norm Linf] [--eps 8/255] [--n 256] [--members apgd-ce,apgd-t,fab-t,square] [--alone]
 * [--lean] [--engine torch] [--threads 1] [--batch 128] [--cpu-time] [--peer CHECKOUT_OF_AUTO_ATTACK] [--python python3]`
 * `--lean` is implied by `--peer`. `--cpu-time` counts the processor time of the process in place of wall time: on a busy machine, of engines that
 * compute on the CPU.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { defineEnsemble, type EnsemblePlugin, type Threat } from '../attacks/attack.ts';
import autoattack from '../attacks/autoattack.ts';
import lean from '../attacks/autoattack-lean.ts';
import { heldSplit } from '../datasets/split.ts';
import { chooseEngine } from '../engines/choose.ts';
import { evaluate } from '../harness/evaluate/evaluate.ts';
import type { Evaluation } from '../harness/evaluate/evaluation.ts';
import { type EvaluationData, predictClean } from '../harness/evaluate/predict.ts';
import type { Classifier } from '../models/classifier.ts';
import { createNetwork } from '../models/index.ts';
import { readSafetensors } from '../models/safetensors.ts';
import type { NormName, VectorNorm } from '../tensor/norms/index.ts';
import { Rng } from '../tensor/rng.ts';
import { tf } from '../tensor/tf.ts';

const golden = (name: string) => fileURLToPath(new URL(`../test/golden/${name}`, import.meta.url));

const { values: args } = parseArgs({
  options: {
    data: { type: 'string' },
    weights: { type: 'string', default: golden('model.safetensors') },
    norm: { type: 'string', default: 'Linf' },
    eps: { type: 'string' },
    n: { type: 'string', default: '256' },
    members: { type: 'string', default: 'apgd-ce,apgd-t,fab-t,square' },
    alone: { type: 'boolean', default: false },
    lean: { type: 'boolean', default: false },
    engine: { type: 'string', default: 'auto' },
    threads: { type: 'string', default: '1' },
    batch: { type: 'string', default: '128' },
    seed: { type: 'string', default: '0' },
    'cpu-time': { type: 'boolean', default: false },
    peer: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    device: { type: 'string', default: 'cpu' },
  },
});

const fraction = (text: string) =>
  text
    .split('/')
    .map(Number)
    .reduce((a, b) => a / b);

/** The first `n` images of CIFAR-10's `test_batch.bin`: a label and three planes each. */
function readTestBatch(file: string, n: number): EvaluationData {
  const bytes = readFileSync(file);
  const labels = new Int32Array(n);
  const images = new Uint8Array(n * 3072);
  for (let i = 0; i < n; i++) {
    labels[i] = bytes[i * 3073] as number;
    for (let p = 0; p < 1024; p++) for (let c = 0; c < 3; c++) images[i * 3072 + p * 3 + c] = bytes[i * 3073 + 1 + c * 1024 + p] as number;
  }
  return { ...heldSplit({ images, labels }), shape: [32, 32, 3] };
}

/** Milliseconds so far, of the processors or of the clock. */
function now(): number {
  if (!args['cpu-time']) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds inside the model. */
interface Clock {
  forward: number;
  backward: number;
}

/** The same classifier, its time taken; the last value of each result is fetched, so that devices that work ahead are waited for. */
function timed(inner: Classifier, clock: Clock): Classifier {
  const measure = <T extends tf.Tensor>(kind: keyof Clock, run: () => T): T => {
    const start = now();
    const result = run();
    tf.tidy(() => result.reshape([-1]).slice(0, 1).dataSync());
    clock[kind] += now() - start;
    return result;
  };
  const linearize = inner.linearize?.bind(inner);
  if (!linearize) throw new Error('a frozen network offers its gradient');
  return {
    classes: inner.classes,
    inputShape: inner.inputShape,
    logits: (x) => measure('forward', () => inner.logits(x)),
    linearize(x) {
      const start = now();
      const lin = linearize(x);
      tf.tidy(() => lin.logits.reshape([-1]).slice(0, 1).dataSync());
      clock.forward += now() - start;
      return { logits: lin.logits, pullback: (d) => measure('backward', () => lin.pullback(d)), dispose: () => lin.dispose() };
    },
    dispose: () => inner.dispose(),
  };
}

interface PeerMember {
  attack: string;
  entered: number;
  left: number;
  forward: number;
  backward: number;
  seconds: number;
}

function runPeer(repository: string, file: string, threat: Threat, members: string[]): PeerMember[] {
  const driver = fileURLToPath(new URL('./autoattack_peer.py', import.meta.url));
  const rest = [args.n, threat.norm, String(threat.eps), args.batch, args.threads, members.join(','), args.device];
  const out = execFileSync(args.python, [driver, repository, args.weights, file, ...rest], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: args.threads },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return (JSON.parse(out.trim().split('\n').at(-1) as string) as { members: PeerMember[] }).members;
}

const cell = (text: string | number, width: number) => String(text).padStart(width);

function printMember(m: PeerMember, who: string, detail: string): void {
  if (m.entered === 0) {
    console.log(`${m.attack} ${who} was asked about no image`);
    return;
  }
  const passes = `${(m.forward / m.entered).toFixed(0)}F ${(m.backward / m.entered).toFixed(0)}B`;
  const msPer = ((1000 * m.seconds) / (m.forward + m.backward)).toFixed(3);
  console.log(
    `${m.attack.padEnd(13)} ${who.padEnd(8)} ${cell(m.entered, 5)} ${cell(m.left, 5)} ${cell(passes, 14)} ${cell(m.seconds.toFixed(2), 8)} s ${cell(msPer, 7)}  ${detail}`,
  );
}

async function main(): Promise<void> {
  if (!args.data) throw new Error('expected --data, the folder with test_batch.bin or with the unpacked archive that holds it');
  const threat: Threat = {
    norm: args.norm as NormName,
    eps: fraction(args.eps ?? { Linf: '8/255', L2: '0.5', L1: '12' }[args.norm as VectorNorm]),
  };
  const { info, why } = await chooseEngine(args.engine, { threads: Number(args.threads) });
  console.log(`${why}; ${info.version}, ${args.threads} thread(s), batch ${args.batch}, ${threat.norm} ${threat.eps}, ${args.n} images`);
  const archive = join(args.data, 'cifar-10-batches-bin/test_batch.bin');
  const file = existsSync(archive) ? archive : join(args.data, 'test_batch.bin');
  const data = readTestBatch(file, Number(args.n));
  const setup = { inputShape: data.shape, classes: 10, mean: [0, 0, 0], std: [1, 1, 1] };
  const network = createNetwork('resnet-tiny', setup, new Rng('bench'));
  network.load(readSafetensors(readFileSync(args.weights), args.weights).entries, args.weights);
  const classifier = network.freeze();
  let { robust } = await predictClean({ classifier, name: 'bench', rng: new Rng('bench') }, data, Number(args.batch));
  const clean = robust;
  console.log(`clean ${right(clean)} right`);
  console.log('member        code      in    left    passes/image      time    ms/pass  where the time goes');
  const members = args.members.split(',');
  const work = { classifier, threat, data };
  const ours: PeerMember[] = [];
  for (const name of members) {
    const entered = args.alone ? clean : robust;
    const { member, left } = await measured(name, memberOf(name, threat), work, entered);
    ours.push(member);
    robust = [...robust].map((r, i) => (r === '1' && left[i] === '1' ? '1' : '0')).join('');
    if (args.alone) console.log(`  ${left}`);
  }
  console.log(`worst case ${right(robust)} of ${data.n}`);
  console.log(`  ${robust}`);
  const wanted = args.lean || args.peer !== undefined;
  const fast = wanted && lean.norms.includes(threat.norm) ? await measured('lean', lean, work, clean) : undefined;
  if (fast) {
    for (const { attack, entered, left, passes, wallMs } of fast.members)
      printMember(
        { attack: `  ${attack}`, entered, left, ...passes, seconds: wallMs / 1000 },
        'of lean',
        args['cpu-time'] ? 'wall time' : '',
      );
    console.log(`  ${differences(fast.left, robust)}`);
  }
  const total = secondsOf(ours);
  if (!args.peer) return console.log(`total ${total.toFixed(1)} s${fast ? `, lean ${fast.member.seconds.toFixed(1)} s` : ''}`);
  const theirs = runPeer(args.peer, file, threat, members);
  for (const m of theirs) {
    const mine = ours.find(({ attack }) => attack === m.attack);
    printMember(m, 'authors', mine ? `ratio ${(mine.seconds / m.seconds).toFixed(3)}` : '');
  }
  const peerTotal = secondsOf(theirs);
  console.log(`total ${total.toFixed(1)} s, the authors' code ${peerTotal.toFixed(1)} s, ratio ${(total / peerTotal).toFixed(3)}`);
  if (!fast) return;
  const { seconds, left } = fast.member;
  const authorsLeft = theirs.at(-1)?.left;
  console.log(`lean ${seconds.toFixed(1)} s, ratio ${(seconds / peerTotal).toFixed(3)}; left ${left}, by the authors ${authorsLeft}`);
}

const right = (outcomes: string) => [...outcomes].filter((r) => r === '1').length;
const secondsOf = (members: readonly PeerMember[]) => members.reduce((sum, { seconds }) => sum + seconds, 0);

/** Images on which lean and the members differ. */
function differences(left: string, robust: string): string {
  const only = (a: string, b: string) => [...a].filter((r, i) => r === '0' && b[i] === '1').length;
  const [fewer, more] = [only(left, robust), only(robust, left)];
  return fewer + more === 0 ? 'the same images as the members' : `broke ${fewer} that the members left, left ${more} that they broke`;
}

/** What is attacked. */
interface Work {
  readonly classifier: Classifier;
  readonly threat: Threat;
  readonly data: EvaluationData;
}

/** Runs an attack on the images of `entered` that are right, prints its row, and returns it with the outcomes. */
async function measured(name: string, attack: EnsemblePlugin, { classifier, threat, data }: Work, entered: string) {
  const clock: Clock = { forward: 0, backward: 0 };
  const start = now();
  const result = await attacked(attack, timed(classifier, clock), threat, data, entered);
  const seconds = (now() - start) / 1000;
  const member = { attack: name, entered: right(entered), left: right(result.robust), ...result.passes, seconds };
  const inModel = (clock.forward + clock.backward) / 1000;
  const share = (s: number) => `${((100 * s) / seconds).toFixed(0)} %`;
  const where = `forward ${share(clock.forward / 1000)}, backward ${share(clock.backward / 1000)}, the attack ${share(seconds - inModel)}`;
  printMember(member, 'rampart', where);
  return { member, left: result.robust, members: result.members ?? [] };
}

/** One member as AutoAttack's standard version configures it, or an attack of the table with its defaults. */
function memberOf(name: string, threat: Threat): EnsemblePlugin {
  const member = autoattack.members({ version: 'standard' }, threat).find((m) => m.attack === name) ?? { attack: name, params: {} };
  return defineEnsemble({ ...autoattack, params: z.strictObject({}), members: () => [member] });
}

function attacked(
  attack: EnsemblePlugin,
  classifier: Classifier,
  threat: Threat,
  data: EvaluationData,
  clean: string,
): Promise<Evaluation> {
  return evaluate({
    classifier,
    name: 'bench',
    attack,
    params: {},
    threat,
    data,
    clean,
    cleanPredictions: new Array<number>(data.n).fill(0),
    rng: new Rng(`bench ${args.seed}`),
    batchSize: Number(args.batch),
    sources: new Map(),
    signal: new AbortController().signal,
  });
}

await main();
