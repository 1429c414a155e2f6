/** `rampart submit --slurm` on a real Slurm: one controller and two nodes on loopback. `npm run test:slurm`; a requeued task takes two minutes to come again. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { slurmScript } from '../../../harness/run/queue/slurm.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import { comparable } from '../../../records/store.ts';
import { freePort } from '../../cli/free-port.ts';
import { put, rampart, workFolder } from '../cli.ts';
import { noRedis } from './cluster.ts';

const PLUGINS = '/usr/lib/x86_64-linux-gnu/slurm-wlm';
const missing =
  noRedis ?? (process.env.RAMPART_SLURM === undefined ? 'RAMPART_SLURM=1 runs it' : existsSync(PLUGINS) ? undefined : 'no slurmctld here');

const SUITE = `
name: on-slurm
title: On Slurm
diagnosis: off
datasets: [{ name: shapes, train: 400, test: 24 }]
threats: [{ norm: Linf, eps: 0.5/255 }]
architectures: [cnn-small]
recipe: { epochs: 30, validation: 24, validateEvery: 30, batchSize: 16, learningRate: 0.05, augment: none }
defenses: [standard, { name: pgd-at, steps: 3 }, { name: trades, steps: 3 }]
attacks: [fgsm, { name: autoattack, n: 6 }]
engine: { name: wasm, batchSize: 4 }
`;

/** A controller and two nodes, ended with the test. Returns what a client needs to see of them. */
async function slurm(): Promise<NodeJS.ProcessEnv> {
  const dir = workFolder();
  for (const name of ['state', 'log', 'spool.n1', 'spool.n2']) mkdirSync(join(dir, name));
  const ports = [await freePort(), await freePort(), await freePort(), await freePort()];
  const host = hostname().split('.')[0];
  const node = (i: number) => `NodeName=n${i} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${ports[i + 1]} CPUs=2 State=UNKNOWN`;
  const conf = put(
    dir,
    'slurm.conf',
    `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
ReturnToService=2
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
SlurmctldPidFile=${dir}/slurmctld.pid
SlurmdPidFile=${dir}/slurmd.%n.pid
StateSaveLocation=${dir}/state
SlurmdSpoolDir=${dir}/spool.%n
SlurmctldLogFile=${dir}/log/ctld.log
SlurmdLogFile=${dir}/log/d.%n.log
PluginDir=${PLUGINS}
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
${node(1)}
${node(2)}
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`,
  );
  const env = { ...process.env, SLURM_CONF: conf };
  const daemons: ChildProcess[] = [];
  const daemon = (name: string, ...args: string[]) => daemons.push(spawn(name, ['-D', ...args], { env, stdio: 'ignore' }));
  daemon('slurmctld');
  daemon('slurmd', '-N', 'n1');
  daemon('slurmd', '-N', 'n2');
  onTestFinished(async () => {
    spawnSync('scancel', ['--user=root'], { env });
    await sleep(2000);
    for (const each of daemons) each.kill('SIGKILL');
  });
  for (let i = 0; i < 120; i++) {
    if (/idle/.test(spawnSync('sinfo', ['-h'], { env, encoding: 'utf8' }).stdout)) return env;
    await sleep(500);
  }
  throw new Error(`no node is idle: ${readFileSync(join(dir, 'log/ctld.log'), 'utf8').slice(-2000)}`);
}

const recordsIn = async (out: string) => (await new FolderStore(out, { onDamage: () => undefined }).records()).map(comparable);

test.skipIf(missing)(
  `submit on Slurm, with a task put back into the queue${missing ? ` (${missing})` : ''}`,
  { timeout: 900_000 },
  async () => {
    const env = await slurm();
    const folder = workFolder();
    const suite = put(folder, 'suite.yml', SUITE);
    expect(rampart('run', suite, '--out', join(folder, 'alone'), '--engine', 'wasm', '--threads', '1')).toMatchObject({ code: 0 });
    const out = join(folder, 'out');
    const main = join(import.meta.dirname, '../../../dist/cli/main.js');
    const args = ['submit', suite, '--slurm', '--array', '3', '--time', '30', '--engine', 'wasm', '--out', out];
    const submitted = spawnSync(process.execPath, [main, ...args], { env, encoding: 'utf8' });
    expect(submitted.status, submitted.stdout + submitted.stderr).toBe(0);
    const [, id] = /job (\d+)/.exec(submitted.stdout) ?? [];
    const queue = () => spawnSync('squeue', ['-h', '-j', id as string, '-o', '%i %T'], { env, encoding: 'utf8' }).stdout.trim();
    const log = (task: number) => {
      const file = join(out, 'slurm', `${id}_${task}.log`);
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    };
    // a worker at work is put back: as its time is over, it is told before
    for (let i = 0; i < 240 && !/begins/.test(log(1)); i++) await sleep(500);
    expect(log(1)).toContain('begins');
    spawnSync('scancel', ['--signal=USR1', '--batch', `${id}_1`], { env });
    for (let i = 0; i < 1400 && queue() !== ''; i++) await sleep(500);
    expect(queue()).toBe('');
    const logs = [0, 1, 2].map(log);
    expect(logs[1], logs.join('\n---\n')).toMatch(/is given back|serves/);
    expect(await recordsIn(out), logs.join('\n---\n')).toEqual(await recordsIn(join(folder, 'alone')));
    expect(existsSync(join(out, 'site/index.html'))).toBe(true);
    // its password is nobody else's
    expect(statSync(join(out, 'slurm/redis.conf')).mode & 0o077).toBe(0);
    expect(readdirSync(join(out, 'slurm'))).not.toContain('address');
  },
);

const JOB = {
  name: 'rampart-x',
  program: ['/usr/bin/node', '/opt/it s/main.js'],
  suite: "/home/me/my suite's.yml",
  out: '/shared/a run',
  data: '/shared/data',
  tasks: 8,
  engine: 'torch:cuda',
  threads: 4,
  workers: 1,
  slurm: { partition: 'gpu', time: '8:00:00', gpus: '1' },
};

test('the script is what a shell and sbatch can read, whatever the paths', () => {
  const folder = workFolder();
  for (const queue of [undefined, "redis://:a b'c@host:6379"]) {
    const text = slurmScript({ ...JOB, ...(queue && { queue }) });
    const file = join(folder, 'job.sh');
    writeFileSync(file, text);
    expect(spawnSync('bash', ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    expect(text).toContain('#SBATCH --array=0-7');
    expect(text).toContain('#SBATCH --output="/shared/a run/slurm/%A_%a.log"');
    expect(text).toContain("'/opt/it s/main.js' run '/home/me/my suite'\\''s.yml' --out '/shared/a run'");
    expect(text.includes('redis-server')).toBe(queue === undefined);
  }
});
