/** Builds the addon with AddressSanitizer and runs its tests under it: `npm run engine:torch:asan`. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

function run(command, args, env) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

run(process.execPath, ['engines/torch/build.mjs', '--sanitize=address'], {});
const runtime = spawnSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout.trim();
const environment = {
  RAMPART_TORCH_BUILD: 'build/torch-address/build',
  LD_PRELOAD: runtime,
  // Node ends without freeing what it holds, so leaks are for test/torch/memory.test.ts; too large an allocation must throw as it does without ASan
  ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:new_delete_type_mismatch=0',
};
const tests = ['convolution', 'frozen', 'training', 'search', 'errors', 'reference'].map((name) => `test/torch/${name}.test.ts`);
run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout=300000', ...tests], environment);
