#!/usr/bin/env node
/** `rampart`: the command line. Exit codes: 0 all done, 1 something failed, 2 bad usage or suite. */
import { cac } from 'cac';
import { RampartError } from '../errors.ts';
import { packageVersion } from '../harness/job/provenance.ts';
import { command } from './called.ts';
import type { EvalOptions } from './commands/eval-model.ts';
import type { SubmitOptions } from './commands/submit.ts';
import type { TimeOptions } from './commands/time.ts';
import { interrupted } from './interrupt.ts';
import { countOption, type RawOptions, UsageError } from './options.ts';
import { print, printError } from './output.ts';

const signal = interrupted;
// what cannot be printed stops no work: the reader may have seen enough (`rampart run | head`), or the disk be full
let unprinted: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') unprinted ??= error;
});
process.stderr.on('error', () => undefined);

const cli = cac('rampart');
let outcome: Promise<number> | undefined;

const TRUST = 'Execute the plug-ins that the suite names, from outside of this project too';
const SHARD =
  'Cut cells into jobs of so many images, so that several workers share one: auto (what takes over 15 minutes), off, or a number';
const WAIT = 'How long a Redis that does not answer yet is waited for (default: 20)';

/** A command with the options that concern running. */
function runnable(command: ReturnType<typeof cli.command>, out = 'runs/<suite>') {
  return command
    .option('--data <dir>', 'Folder of the data sets', { default: 'data' })
    .option('--out <dir>', `Output folder (default: ${out})`)
    .option('--engine <name>', 'auto, or one of `rampart ls engines`, with a device: torch:cuda:0')
    .option('--workers <n>', 'Jobs at the same time')
    .option('--threads <n>', 'Threads of each worker')
    .option('--precision <name>', 'fp32 (default), tf32 (NVIDIA GPUs), or bf16 for the networks that are attacked')
    .option('--json', 'Print JSON');
}

runnable(cli.command('run [suite]', 'Train, attack, and write the site (suite: a file, or the name of one of ours; default: quick)'))
  .option('--no-download', 'Fail where data is missing')
  .option('--shard <images>', SHARD)
  .option('--queue <url>', 'Hand jobs out to `rampart worker`s through this Redis: redis://HOST:PORT (or RAMPART_QUEUE)')
  .option('--wait <seconds>', WAIT)
  .option('--verbose', 'Show what workers print')
  .action((suite: string | undefined, options: RawOptions) => {
    outcome = import('./commands/run.ts').then((c) => c.runCommand(suite, options, signal));
  });

runnable(
  cli.command(
    'eval <model>',
    'Attack a model: a file of weights (.pt, .pth, .safetensors), a TorchScript module, a function of a Python file (my_model.py:load), or an endpoint (https://host/predict)',
  ),
  'runs/eval-<model>',
)
  .option('--arch <name>', 'Its architecture: see `rampart ls models`')
  .option('--dataset <name>', 'The data set that it classifies: a name, an .npz file or a folder of images, with parameters behind it')
  .option('--threat <norm:eps>', 'Such as Linf:8/255, L2:0.5; several with commas')
  .option('--attacks <names>', 'With commas (default: autoattack)')
  .option('--n <count>', 'The first so many test images (default: all)')
  .option('--mean <numbers>', 'Normalisation inside the model, per channel, with commas; where the file does not state it')
  .option('--std <numbers>', 'The same: standard deviations')
  .option('--normalization <none>', '`none`: the model takes images in [0,1] as they are')
  .option('--bn-eps <number>', 'What its batch normalisations add to a variance (default: 1e-5, as PyTorch)')
  .option('--python <path>', 'The Python that has PyTorch, for a function of a Python file (default: python3)')
  .option('--device <name>', 'Where PyTorch runs it: cpu, cuda:0, ... (default: the first GPU, else the CPU)')
  .option('--timeout <seconds>', 'The longest that loading it or a pass of it may take (default: 600), or a request to an endpoint (60)')
  .option('--access <what>', 'What an endpoint answers with: scores or labels')
  .option('--scores <what>', 'What its scores are: probabilities (default) or logits')
  .option('--format <name>', 'How it takes images: float32 (default), or png, which rounds them')
  .option('--queries <n>', 'Of each attack that asks by queries: how many for an image')
  .option('--most-queries <n>', 'Images that an endpoint may be sent, in all runs into the same folder')
  .option('--rate <n>', 'Requests to it per second, at most')
  .option('--price <amount>', 'What it costs to ask about 1,000 images; goes with --budget')
  .option('--budget <amount>', 'The most to spend on it')
  .option('--batch <n>', 'Most images of a request (default: 32)')
  .option('--retries <n>', 'Requests after the first, where it fails or stalls (default: 5)')
  .option('--token-env <name>', 'Environment variable whose value is sent as Authorization: Bearer')
  .option('--headers-from <pairs>', 'Headers, and the environment variables that hold their values: x-api-key=KEY, with commas')
  .option('--model-version <text>', 'What you call the model that is there now: answers are kept for each version')
  .option('--answers <dir>', 'Where its answers are kept (default: in the output folder)')
  .option('--expect <accuracy>', 'Its clean accuracy in [0,1] on these very images, where known to half a point: checked before any attack')
  .option('--expect-logits <file>', 'Logits that it must give, as docs/importing.md describes: checked before any attack')
  .option('--no-download', 'Fail where data is missing')
  .option('--shard <images>', SHARD)
  .option('--verbose', 'Show what workers print')
  .action((weights: string, options: EvalOptions) => {
    outcome = import('./commands/eval.ts').then((c) => c.evalCommand(weights, options, signal));
  });

runnable(cli.command('plan [suite]', 'What would run, with passes and estimated time'))
  .option(
    '--speed <gflops>',
    'Hours on a device of this speed, such as `rampart time` shows: one number, or of training and attacks: 9000,15000',
  )
  .option('--shard <images>', SHARD)
  .option('--trust', TRUST)
  .action((suite: string | undefined, options: RawOptions) => {
    outcome = import('./commands/plan.ts').then((c) => c.planCommand(suite, options, signal));
  });

runnable(cli.command('worker [suite]', 'Do jobs of runs on a queue; a suite names plug-ins that may be executed here'))
  .option('--queue <url>', 'redis://HOST:PORT, as the run has it (or RAMPART_QUEUE)')
  .option('--timeout <minutes>', 'A job that gives no sign of life for so long is ended (default: as the suite of its run says, else 30)')
  .option('--lost-after <seconds>', 'A worker that Redis has not heard of for so long is taken for lost, and its jobs go to others', {
    default: 30,
  })
  .option('--wait <seconds>', WAIT)
  .option('--until-done', 'Leave when the run of the folder is done; exit code 1 where it is told to stop before')
  .option('--verbose', 'Show what jobs print')
  .action((suite: string | undefined, options: RawOptions) => {
    outcome = import('./commands/worker.ts').then((c) => c.workerCommand(suite, options, signal));
  });

runnable(cli.command('submit [suite]', 'Run a suite on a cluster: writes what its scheduler takes and shows it; hands it in to Slurm'))
  .option('--slurm', 'As a Slurm job: an array of workers, the first of which coordinates')
  .option('--kubernetes', 'As a manifest of Kubernetes: a Job of workers, one that coordinates, a Redis, and a volume that they share')
  .option('--array <n>', 'Workers: tasks of the array, or pods (default: 1)')
  .option('--gpus <n>', 'GPUs of each task or pod')
  .option('--partition <name>', 'As sbatch has it; so are --time, --mem, --account and --qos')
  .option('--time <limit>', 'Of each task, such as 8:00:00; a task comes again until the run is done')
  .option('--mem <size>', 'Memory of each task or pod')
  .option('--account <name>', 'Who pays')
  .option('--qos <name>', 'Quality of service')
  .option('--image <name>', 'Kubernetes: an image with Node and rampart')
  .option('--mount <path>', 'Kubernetes: where the pods have the volume (default: /shared); --out and --data lie below it')
  .option('--claim <name>', 'Kubernetes: a PersistentVolumeClaim that is there (default: one is made)')
  .option('--storage <size>', 'Kubernetes: of the claim that is made (default: 100Gi)')
  .option('--namespace <name>', 'Kubernetes: of all objects')
  .option('--manifest <file>', 'Kubernetes: where the manifest is kept (default: rampart-<suite>.yaml)')
  .option('--queue <url>', 'A Redis that is there (or RAMPART_QUEUE); unless given, the run has its own')
  .option('--shard <images>', SHARD)
  .option('--dry-run', 'Show the script and do not hand it in')
  .option('--trust', TRUST)
  .action((suite: string | undefined, options: SubmitOptions) => {
    outcome = import('./commands/submit.ts').then((c) => c.submitCommand(suite, options));
  });

cli
  .command('status', 'The workers of a queue, what each does, and what waits')
  .option('--queue <url>', 'redis://HOST:PORT (or RAMPART_QUEUE)')
  .option('--out <dir>', 'The folder that the run writes to')
  .option('--json', 'Print JSON')
  .action((options: RawOptions) => {
    outcome = import('./commands/status.ts').then((c) => c.statusCommand(options));
  });

cli
  .command('validate [suite]', 'Check a suite')
  .option('--schema', 'Print the JSON Schema of suites instead, for editors')
  .option('--trust', TRUST)
  .option('--json', 'Print JSON')
  .action((suite: string | undefined, options: RawOptions & { schema?: boolean }) => {
    outcome = import('./commands/plan.ts').then((c) => c.validateCommand(suite, options));
  });

cli
  .command('ls [kind]', 'Defenses, attacks, models, datasets, engines, recipe: with parameters and defaults')
  .option('--json', 'Print JSON')
  .action((kind: string | undefined, options: RawOptions) => {
    outcome = import('./commands/ls.ts').then((c) => c.lsCommand(kind, options));
  });

cli
  .command('report [dir]', 'Write the site again from the records of an output folder (default: runs/quick)')
  .option('--out <dir>', 'Where to (default: DIR/site)')
  .option(
    '--price <device=amount>',
    'What an hour of a device costs, by a part of its name, with commas: H100=2.5; the board then has prices',
  )
  .action((dir: string | undefined, options: RawOptions) => {
    outcome = import('./commands/report.ts').then((c) => c.reportCommand(dir, options));
  });

cli
  .command('validate-results [dir]', 'Check a folder of records that several people add to (default: results)')
  .option('--json', 'Print JSON')
  .action((dir: string | undefined, options: RawOptions) => {
    outcome = import('./commands/validate-results.ts').then((c) => c.validateResultsCommand(dir, options));
  });

cli
  .command('serve [dir]', 'Serve the site of an output folder on localhost (default: runs/quick)')
  .option('--port <n>', 'Port', { default: 8080 })
  .action((dir: string | undefined, options: { port?: unknown }) => {
    outcome = import('./commands/serve.ts').then((c) =>
      c.serveCommand(dir ?? 'runs/quick', countOption('port', options.port) ?? 8080, signal),
    );
  });

cli
  .command('doctor', 'What is usable here, and the command that mends what is not')
  .option('--data <dir>', 'Folder of the data sets', { default: 'data' })
  .option('--no-download', 'Do not ask whether downloads answer')
  .option('--json', 'Print JSON')
  .action((options: RawOptions) => {
    outcome = import('./commands/doctor.ts').then((c) => c.doctorCommand(options, signal));
  });

cli
  .command('time', 'A training step of every defense and a step of every attack, as ratios to a standard training step')
  .option('--arch <name>', 'Architecture', { default: 'resnet-tiny' })
  .option('--batch <n>', 'Batch size', { default: 128 })
  .option('--rounds <n>', 'Times each is measured', { default: 10 })
  .option('--engine <name>', 'auto, or one of `rampart ls engines`')
  .option('--threads <n>', 'Threads')
  .option('--json', 'Print JSON')
  .action((options: TimeOptions) => {
    outcome = import('./commands/time.ts').then((c) => c.timeCommand(options, signal));
  });

cli
  .command('new <family> <name>', 'A defense, attack, dataset or architecture to start from: plug-in, test and row in the table')
  .action((family: string, name: string) => {
    outcome = import('./commands/new.ts').then((c) => c.newCommand(family, name));
  });

// cac says of every --no-NAME that its default is true, which is that of NAME
cli.help((sections) => sections.map((section) => ({ ...section, body: section.body.replace(/^( *--no-.*) \(default: true\)$/gm, '$1') })));
cli.version(packageVersion());

/** An error that a user can mend is its message; any other is a fault of ours and shows where. */
function complain(error: unknown): number {
  if (error instanceof Error && error.name === 'CACError') {
    printError(`${error.message}; see ${command('--help')}`);
    return 2;
  }
  const known = error instanceof RampartError;
  printError(known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
  return known && !signal.aborted ? error.exitCode : 1;
}

async function main(): Promise<number> {
  cli.parse(process.argv, { run: false });
  if (cli.matchedCommand) {
    cli.runMatchedCommand();
    return (await outcome) ?? 0;
  }
  const { help, version } = cli.options as { help?: boolean; version?: boolean };
  if (help || version) return 0;
  if (cli.args.length > 0) throw new UsageError(`unknown command "${cli.args[0]}"; see ${command('--help')}`);
  cli.outputHelp();
  print();
  return 2;
}

process.exitCode = await main().catch(complain);
// what is printed must be out first; then no timer or socket left over may keep a finished command
await new Promise((out) => process.stdout.write('', out));
if (unprinted) {
  printError(`standard output could not be written: ${unprinted.message}`);
  process.exitCode ||= 1;
}
process.stderr.write('', () => process.exit());
