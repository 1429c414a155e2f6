/** Machines of one local network, each in a network namespace and under a host name of its own, that can be cut off. Needs Linux and root. */
import { spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';

function ip(...args: string[]): void {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (error || status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr}`);
}

/** Why there can be none here; undefined where there can. */
export const noLan = (() => {
  const probe = `rampart-probe-${process.pid}`;
  try {
    ip('netns', 'add', probe);
    ip('-n', probe, 'link', 'add', 'bridge', 'type', 'bridge');
    ip('-n', probe, 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'other');
    return undefined;
  } catch (error) {
    return `no network namespaces here: ${(error as Error).message.trim()}`;
  } finally {
    spawnSync('ip', ['netns', 'del', probe]);
  }
})();

/** How a machine loses the others: packets vanish and nobody is told, or its own cable is out. */
export type Cut = 'silent' | 'unplugged';

export interface LanMachine {
  readonly address: string;
  /** Words of a command that starts another on it. */
  readonly before: readonly string[];
  cut(how: Cut): void;
  mend(): void;
}

let lans = 0;

/** As many machines, at 10.77.0.10 and on. Gone after the test. */
export function lan(count: number): LanMachine[] {
  const hub = `rampart-${process.pid}-${++lans}`;
  const names = Array.from({ length: count }, (_, i) => `${hub}-${i}`);
  onTestFinished(() => {
    for (const name of [...names, hub]) spawnSync('ip', ['netns', 'del', name]);
  });
  ip('netns', 'add', hub);
  ip('-n', hub, 'link', 'add', 'bridge', 'type', 'bridge');
  ip('-n', hub, 'link', 'set', 'bridge', 'up');
  return names.map((name, i) => {
    const port = `port${i}`;
    const address = `10.77.0.${10 + i}`;
    ip('netns', 'add', name);
    ip('-n', hub, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('-n', hub, 'link', 'set', port, 'master', 'bridge', 'up');
    ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) ip('-n', name, 'link', 'set', device, 'up');
    return {
      address,
      before: ['ip', 'netns', 'exec', name, 'unshare', '--uts', 'bash', '-c', `hostname machine${i}; exec "$@"`, '-'],
      cut(how) {
        if (how === 'silent') ip('-n', hub, 'link', 'set', port, 'nomaster');
        else ip('-n', name, 'link', 'set', 'eth0', 'down');
      },
      mend() {
        ip('-n', hub, 'link', 'set', port, 'master', 'bridge');
        ip('-n', name, 'link', 'set', 'eth0', 'up');
      },
    };
  });
}
