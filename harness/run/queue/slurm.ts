/** A Slurm batch script for a run on a queue: an array of workers, the first of which also coordinates and keeps the queue. */
import { shellWord } from '../../../errors.ts';

export interface SlurmJob {
  readonly name: string;
  /** How `rampart` is started: words of a command. */
  readonly program: readonly string[];
  /** Absolute paths. */
  readonly suite: string;
  readonly out: string;
  readonly data: string;
  /** Tasks of the array: each is a worker. */
  readonly tasks: number;
  /** For `rampart run` and `rampart worker`. */
  readonly engine: string;
  readonly threads: number;
  readonly precision?: string;
  readonly workers: number;
  /** Further words for `rampart run`. */
  readonly run?: readonly string[];
  /** `--partition`, `--time`, ... as Slurm has them, without dashes. */
  readonly slurm: Readonly<Record<string, string>>;
  /** Of a Redis that is there; absent, the first task starts its own. */
  readonly queue?: string;
}

/** So long before its time is over a task is told, in seconds: enough to give its job back. */
const WARNING = 120;

/** The text of the script. What it runs on it finds in the folder of the run: `slurm/address` there says where the queue is. */
export function slurmScript(job: SlurmJob): string {
  const { name, out, tasks, slurm } = job;
  const head = {
    'job-name': name,
    array: `0-${tasks - 1}`,
    requeue: '',
    signal: `B:USR1@${WARNING}`,
    'open-mode': 'append',
    output: `${out}/slurm/%A_%a.log`,
    ...slurm,
  };
  const lines = Object.entries(head).map(
    ([option, value]) => `#SBATCH --${option}${value === '' ? '' : `=${/\s/.test(value) ? `"${value}"` : value}`}`,
  );
  return `#!/bin/bash\n${lines.join('\n')}\n${body(job)}`;
}

function body({ program, suite, out, data, engine, threads, precision, workers, run = [], queue }: SlurmJob): string {
  const rampart = program.map(shellWord).join(' ');
  const inPrecision = precision === undefined ? [] : ['--precision', precision];
  const shared = ['--out', out, '--data', data, '--engine', engine, '--threads', String(threads), ...inPrecision].map(shellWord).join(' ');
  const folder = shellWord(`${out}/slurm`);
  return `set -u
mkdir -p ${folder}
cd ${folder}
first=$([ "\${SLURM_ARRAY_TASK_ID:-0}" = 0 ] && echo yes || echo no)
worker= head= server= over= again=
# one that comes again when all is done
[ -e done ] && exit 0

leave() {
  over=yes
  [ -n "$head" ] && kill -TERM "$head" 2>/dev/null
  [ -n "$worker" ] && kill -TERM "$worker" 2>/dev/null
}
# two minutes before the limit: the task gives its job back, and comes again
trap 'again=yes; leave' USR1
trap leave TERM

if [ $first = yes ]; then
${queue === undefined ? ownRedis() : `  (umask 077; echo ${shellWord(queue)} > address.new; mv address.new address)`}
fi

# a queue that comes back elsewhere has another address
while [ -z "$over" ]; do
  until [ -s address ] || [ -n "$over" ]; do sleep 1; done
  address=$(cat address)
  if [ $first = yes ] && [ -z "$head" ]; then
    RAMPART_QUEUE=$address ${[rampart, 'run', shellWord(suite), shared, ...run.map(shellWord)].join(' ')} &
    head=$!
  fi
  RAMPART_QUEUE=$address ${rampart} worker ${shellWord(suite)} ${shared} --workers ${workers} &
  worker=$!
  while kill -0 $worker 2>/dev/null && [ -z "$over" ] && [ "$(cat address 2>/dev/null)" = "$address" ]; do
    [ -n "$head" ] && ! kill -0 $head 2>/dev/null && break
    sleep 1
  done
  kill -TERM $worker 2>/dev/null
  wait $worker
  [ -n "$head" ] && ! kill -0 $head 2>/dev/null && break
done

if [ -n "$over" ]; then
  [ -n "$head" ] && wait $head
  [ -n "$server" ] && kill $server
  [ -z "$again" ] && exit 1
  exec scontrol requeue "\${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}\${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"
fi
wait $head
code=$?
rm -f address
touch done
[ -n "$server" ] && kill $server
# whoever still waits for jobs has none to wait for
scancel "\${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}" 2>/dev/null
exit $code
`;
}

/** A Redis of the first task: in memory, with a password that only the folder has. */
function ownRedis(): string {
  return `  password=$(head -c 24 /dev/urandom | base64 | tr -d '+/=')
  port=$((20000 + RANDOM % 20000))
  (umask 077; printf 'port %s\\nrequirepass %s\\nsave ""\\nappendonly no\\nprotected-mode no\\n' $port $password > redis.conf)
  redis-server redis.conf > redis.log 2>&1 &
  server=$!
  (umask 077; echo "redis://:$password@$(hostname):$port" > address.new; mv address.new address)`;
}
