/** Models that are asked where they are, in a suite: keys, records, faults that stay with their own cells, and a run that goes on. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mayLoad } from '../../../cli/trust.ts';
import { findOutside } from '../../../harness/job/outside.ts';
import { prepareData } from '../../../harness/job/prepare-data.ts';
import { FolderStore } from '../../../records/folder-store.ts';
import type { CellRecord, ModelRecord } from '../../../records/record.ts';
import { python } from '../../python.ts';
import { freshFolder } from '../folders.ts';
import { inProcess } from '../run/in-process.ts';
import { refusal, suiteWith } from '../suites.ts';

/** For `shapes`: a network whose weights come from a file beside it; what others of its functions do wrong. */
const MODEL = `import os
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 5, 4)
        self.linear = nn.Linear(6 * 7 * 7, 10)
        self.passes = 0
    def forward(self, x):
        self.passes += torch.is_grad_enabled()
        return self.linear(torch.relu(self.conv(x)).flatten(1))

def load():
    torch.manual_seed(1)
    model = Net()
    bias = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'bias.txt')
    with torch.no_grad():
        model.linear.bias[0] = float(open(bias).read())
    return model.eval()

def dies():
    model = load()
    def go(module, args):
        if module.passes > 8: os._exit(3)
    model.register_forward_pre_hook(go)
    return model

def draws():
    model = load()
    model.register_forward_hook(lambda module, args, logits: logits + torch.randn_like(logits))
    return model

def cannot():
    raise ValueError('no checkpoint')
`;

function models(folder: string, ...functions: string[]): string {
  const entries = functions.map(
    (name) => `{ name: ${name}, python: "${join(folder, 'net.py')}:${name}", interpreter: ${python}, device: cpu }`,
  );
  return `models: [${entries.join(', ')}]`;
}

const SUITE = {
  datasets: 'datasets: [{ name: shapes, train: 0, test: 12 }]',
  defenses: '',
  architectures: '',
  recipe: '',
  attacks: 'attacks: [fgsm, { name: pgd, steps: 40, restarts: 2 }]',
  engine: 'engine: { name: wasm, batchSize: 4, workers: 1 }',
};

function written(): { folder: string; store: FolderStore } {
  const folder = freshFolder();
  writeFileSync(join(folder, 'net.py'), MODEL);
  writeFileSync(join(folder, 'bias.txt'), '5.0');
  return { folder, store: new FolderStore(freshFolder()) };
}

describe.skipIf(python === undefined)('models asked where they are', { timeout: 200_000 }, () => {
  test('each is told apart, attacked, and fails for itself alone; the next run does what is left', async () => {
    const { folder, store } = written();
    const changes = {
      ...SUITE,
      attacks: 'attacks: [fgsm, { name: pgd, steps: 40, restarts: 2 }, { name: transfer, sources: [load], steps: 2 }]',
      models: models(folder, 'load', 'dies', 'cannot'),
    };
    const first = await inProcess(store, changes);
    const { records, failed } = await first.run();
    const model = (name: string) => records.find((r) => r.kind === 'model' && r.name === name) as ModelRecord;
    const cell = (on: string, attack: string) =>
      records.find((r) => r.kind === 'cell' && r.model.name === on && r.attack.label === attack) as CellRecord;
    expect(model('load')).toMatchObject({
      status: 'done',
      arch: { name: 'net.py:load', parameters: 6 * 75 + 6 + 294 * 10 + 10, multiplyAdds: 49 * 6 * 75 + 2940 },
      defense: { kind: 'pretrained' },
      outside: { source: { via: 'python', file: 'net.py', function: 'load', module: 'Net', device: 'cpu', sources: [{ path: 'net.py' }] } },
    });
    expect(model('load').weightsHash).toMatch(/^[0-9a-f]{64}$/);
    // what is checked of a model from elsewhere is checked of this one
    expect(cell('load', 'clean').checks?.images).toBe(4);
    expect(cell('load', 'pgd')).toMatchObject({ status: 'done', flags: [] });
    expect(model('cannot').error?.message).toContain('[net.py:cannot] ValueError: no checkpoint (at net.py:');
    expect(model('dies').status).toBe('done');
    expect(cell('dies', 'fgsm').status).toBe('done');
    expect(cell('dies', 'pgd').error?.message).toContain('[net.py:dies] its process ended with exit code 3');
    // an attack that transfers from one to the other
    expect(cell('dies', 'transfer')).toMatchObject({ status: 'done', attack: { access: 'transfer' } });
    expect(failed.length).toBe(6);

    const again = await inProcess(store, changes);
    await again.run();
    expect(again.performed.sort()).toEqual(['cannot', 'pgd']);

    // mended: what was done before with other code is not what this code would do
    writeFileSync(join(folder, 'net.py'), MODEL.replace('> 8', '> 8000').replace("raise ValueError('no checkpoint')", 'return load()'));
    const mended = await inProcess(store, changes);
    expect((await mended.run()).failed).toEqual([]);
    expect(mended.performed.length).toBe(3 + 3 * 3 + 2);
  });

  test('other weights behind the same code are another model', async () => {
    const { folder, store } = written();
    const changes = { ...SUITE, attacks: 'attacks: [fgsm]', models: models(folder, 'load') };
    const before = await inProcess(store, changes);
    const [one] = (await before.run()).records;
    const same = await inProcess(store, changes);
    await same.run();
    expect(same.performed).toEqual([]);
    writeFileSync(join(folder, 'bias.txt'), '4.0');
    const after = await inProcess(store, changes);
    const [other] = (await after.run()).records;
    expect(after.performed).toEqual(['load', 'clean', 'fgsm']);
    expect((other as ModelRecord).weightsHash).not.toBe((one as ModelRecord).weightsHash);
  });

  test('one that became another since the plan was made is not attacked', async () => {
    const { folder, store } = written();
    writeFileSync(join(folder, 'net.py'), MODEL.replace('return model.eval()', "open(bias, 'a').write('1')\n    return model.eval()"));
    const { run } = await inProcess(store, { ...SUITE, models: models(folder, 'load') });
    const { records } = await run();
    const [, clean] = records as [ModelRecord, CellRecord];
    expect(clean.error?.message).toContain(
      '[model load] net.py:load is not what the run was planned with: its weights changed; run the suite again',
    );
    expect(readFileSync(join(folder, 'bias.txt'), 'utf8')).toBe('5.011');
  });

  test('one that answers anew at every call is flagged, and judged as a random one', async () => {
    const { folder, store } = written();
    const { run } = await inProcess(store, { ...SUITE, attacks: 'attacks: [fgsm]', models: models(folder, 'draws') });
    const [, clean, fgsm] = (await run()).records as [ModelRecord, CellRecord, CellRecord];
    expect(clean.flags.map(({ name }) => name)).toContain('undeclared-randomness');
    expect(clean.checks?.randomized).toBe(true);
    expect(fgsm.flags.map(({ name }) => name)).toContain('randomized');
  });

  test('what is known of it is held before any attack', async () => {
    const { folder, store } = written();
    const known = models(folder, 'load').replace('device: cpu', 'device: cpu, expect: { clean: 0.9 }');
    const { run } = await inProcess(store, { ...SUITE, models: known });
    const { records } = await run();
    expect((records[1] as CellRecord).error?.message).toMatch(
      /expected a clean accuracy of 0\.9 \+- 0\.005 on these 12 images, got 0\.\d+; check the images/,
    );
  });

  test('looking at a plan executes nothing that lies outside of the project', async () => {
    const { folder } = written();
    const { suite, registry } = await suiteWith({ ...SUITE, models: models(folder, 'load') });
    const { signal } = new AbortController();
    const data = await prepareData(suite, registry, { dataDir: '', download: false, signal });
    const ask = (options: { trust?: boolean }) => findOutside(suite, data, 1, signal, mayLoad(options));
    expect((await ask({})).get('load')).toEqual({ failure: 'it was not asked' });
    expect((await ask({ trust: true })).get('load')).toMatchObject({ parameters: 6 * 75 + 6 + 294 * 10 + 10 });
  });
});

test.each([
  ['{ name: a, python: net.py }', 'expected a file and the function in it that returns the module, such as my_model.py:load, got "net.py"'],
  ['{ name: a, python: "/nowhere/net.py:load" }', 'no such file: /nowhere/net.py'],
  ['{ name: a }', 'one of weights, torchscript, python, url is missing'],
  ['{ name: a, python: "net.py:load", weights: a.pt }', 'expected one of weights, torchscript, python, url, got weights and python'],
  ['{ name: a, python: "net.py:load", bnEps: 0.1 }', 'goes with weights, and this model has python'],
  ['{ name: a, weights: a.pt, arch: resnet-18, interpreter: python3 }', 'goes with python, and this model has weights'],
  ['{ name: a, weights: a.pt }', 'is missing: which network are the weights of?'],
])('%s is refused', async (entry, message) => {
  expect(await refusal({ ...SUITE, models: `models: [${entry}]` })).toContain(message);
});
