import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { FolderStore } from '../../records/folder-store.ts';
import type { RampartRecord } from '../../records/record.ts';
import { freePort } from '../cli/free-port.ts';
import { python } from '../python.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
// outside of the package and of any project: a plug-in needs nothing beside it
const scratch = mkdtempSync(join(tmpdir(), 'rampart-guides-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Writes the named code blocks of a page, ```` ```ts name.ts ````, and returns their names with their texts. */
function unpack(page: string): Map<string, string> {
  const text = readFileSync(join(root, page), 'utf8');
  const files = new Map<string, string>();
  for (const [, name, body] of text.matchAll(/^```(?:ts|yaml|python) (\S+)\n([\s\S]*?)^```$/gm)) files.set(name as string, body as string);
  for (const [name, body] of files) writeFileSync(join(scratch, name), body);
  return files;
}

async function run(suite: string) {
  const out = join(scratch, 'out', suite);
  mkdirSync(dirname(out), { recursive: true });
  const ended = spawnSync(
    process.execPath,
    [join(root, 'dist/cli/main.js'), 'run', join(scratch, suite), '--out', out, '--engine', 'wasm'],
    {
      encoding: 'utf8',
    },
  );
  return {
    status: ended.status,
    output: ended.stdout + ended.stderr,
    records: ended.status === 0 ? await new FolderStore(out).records() : [],
  };
}

/** Of the plug-ins that made a record. */
const namesIn = (r: RampartRecord) =>
  r.kind === 'model' ? [r.defense.name, r.arch.name, r.dataset.name] : [r.attack.name, r.dataset.name];

const guides = [
  { page: 'docs/adding-a-defense.md', file: 'smooth-pgd-at.ts', suite: 'smooth.yml', plugin: 'smooth-pgd-at' },
  { page: 'docs/adding-an-attack.md', file: 'r-fgsm.ts', suite: 'r-fgsm.yml', plugin: 'r-fgsm' },
  { page: 'docs/adding-a-dataset.md', file: 'slopes.ts', suite: 'slopes.yml', plugin: 'slopes' },
  { page: 'docs/adding-an-architecture.md', file: 'all-conv.ts', suite: 'all-conv.yml', plugin: 'all-conv width=24' },
];

for (const { page, file, suite, plugin } of guides)
  test(`the file in ${page} is under 40 lines and runs from the command line as the page says`, { timeout: 120_000 }, async () => {
    const files = unpack(page);
    expect((files.get(file) as string).trimEnd().split('\n').length).toBeLessThan(40);
    const { status, output, records } = await run(suite);
    expect(status, output).toBe(0);
    const used = records.filter((r) => namesIn(r).includes(plugin));
    expect(used.map((r) => r.status)).toContain('done');
  });

/** A module, and its weights where it is run. */
const NETWORK = `import torch
from torch import nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, 4)
        self.linear = nn.Linear(8, 10)

    def forward(self, x):
        return self.linear(torch.relu(self.conv(x)).mean((2, 3)))


if __name__ == '__main__':
    torch.manual_seed(0)
    torch.save(Network().state_dict(), 'checkpoint.pt')
`;

test.skipIf(python === undefined)(
  'my_model.py of docs/importing.md is ten lines, and is attacked as the page says',
  { timeout: 120_000 },
  async () => {
    const code = unpack('docs/importing.md').get('my_model.py') as string;
    expect(code.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(10);
    writeFileSync(join(scratch, 'my_network.py'), NETWORK);
    expect(spawnSync(python as string, ['my_network.py'], { cwd: scratch }).status).toBe(0);
    const out = join(scratch, 'out', 'live');
    const asked = ['eval', 'my_model.py:load', '--python', python as string, '--dataset', 'shapes', '--n', '12', '--threat', 'Linf:4/255'];
    const how = ['--attacks', 'fgsm,pgd', '--engine', 'wasm', '--out', out];
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...asked, ...how], {
      cwd: scratch,
      encoding: 'utf8',
    });
    expect(status, stdout + stderr).toBe(0);
    const records = await new FolderStore(out).records();
    const model = records.find((r) => r.kind === 'model');
    expect(model?.outside?.source).toMatchObject({ sources: [{ path: 'my_model.py' }, { path: 'my_network.py' }] });
    expect(records.map((r) => r.status)).toEqual(records.map(() => 'done'));
    expect(stdout).toContain('robust accuracy');
    expect(readFileSync(join(out, 'site/models/my-model.html'), 'utf8')).toContain('Model of my_model.py:load');
  },
);

test.skipIf(python === undefined)('serve.py of docs/importing.md answers as the module behind it does', { timeout: 120_000 }, async () => {
  const code = unpack('docs/importing.md').get('serve.py') as string;
  writeFileSync(join(scratch, 'my_network.py'), NETWORK);
  expect(spawnSync(python as string, ['my_network.py'], { cwd: scratch }).status).toBe(0);
  const port = await freePort();
  writeFileSync(join(scratch, 'serve.py'), code.replace('8000', String(port)));
  const server = spawn(python as string, ['serve.py'], { cwd: scratch, stdio: 'ignore' });
  onTestFinished(() => void server.kill());
  const ask = async (model: string, name: string, ...how: string[]) => {
    const out = join(scratch, 'out', name);
    const rest = [
      '--dataset',
      'shapes',
      '--n',
      '12',
      '--threat',
      'Linf:16/255',
      '--attacks',
      'square',
      '--queries',
      '20',
      '--engine',
      'wasm',
    ];
    const args = [join(root, 'dist/cli/main.js'), 'eval', model, ...how, ...rest, '--out', out];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: scratch, encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
    const cells = (await new FolderStore(out).records()).filter((r) => r.kind === 'cell');
    return Object.fromEntries(cells.map(({ attack, outcomes }) => [attack.name, outcomes.predictions]));
  };
  const behind = await ask(`http://127.0.0.1:${port}/`, 'behind', '--access', 'scores');
  expect(behind).toEqual(await ask('my_model.py:load', 'beside', '--python', python as string));
});
