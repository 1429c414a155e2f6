/** What building the addon says where there is no libtorch. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const build = fileURLToPath(new URL('../../engines/torch/build.mjs', import.meta.url));
const nowhere = '/nonexistent/libtorch';

function run(...args: string[]) {
  return spawnSync(process.execPath, [build, ...args], { encoding: 'utf8', env: { ...process.env, LIBTORCH: nowhere } });
}

test('asked for, it fails and names the place, what it lacks and the command that supplies it', () => {
  const { status, stdout } = run();
  expect(status).toBe(1);
  expect(stdout).toContain(`LIBTORCH=${nowhere}: no ${nowhere}/lib/libtorch_cpu.so`);
  expect(stdout).toContain('apt-get install -y libtorch-dev libopenblas0-pthread');
});

test('while packages are installed, it says the same and fails nothing', () => {
  const { status, stdout } = run('--optional');
  expect(status).toBe(0);
  expect(stdout).toContain('the other engines work without it');
});
