/**
 * `rampart eval` with AutoAttack on forms of one model, image by image beside the authors' own run on it (test/golden/autoattack.json).
 * `tsx bench/eval-forms.ts DATA ENGINE MODEL...`: DATA is the folder of CIFAR-10, a MODEL a file that `eval_forms.py` made of
 * test/golden/model.safetensors, that file itself, one of `torchscript_peer.py`, or `bench/resnet_tiny.py:load`, the same network in PyTorch. `PYTHON=` names the Python that has PyTorch.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withFile } from '../models/import/bytes.ts';
import { kindOf } from '../models/import/weights.ts';
import { FolderStore } from '../records/folder-store.ts';
import { type CellRecord, isInBall } from '../records/record.ts';

interface Reference {
  readonly models: Record<
    string,
    { readonly clean: string; readonly linf_ensemble: { readonly robust: string }; readonly l2_ensemble: { readonly robust: string } }
  >;
}

const [data = '', engine = 'torch', ...models] = process.argv.slice(2);
const path = (url: string) => fileURLToPath(new URL(url, import.meta.url));
const authors = (JSON.parse(readFileSync(path('../test/golden/autoattack.json'), 'utf8')) as Reference).models['model.safetensors'];
if (!authors) throw new Error('test/golden/autoattack.json has no model.safetensors');

/** What goes with one kind of model. */
function optionsOf(model: string): string[] {
  if (/\.py:/.test(model)) return ['--python', process.env.PYTHON ?? 'python3'];
  if (withFile(model, kindOf) === 'torchscript') return [];
  return ['--arch', 'resnet-tiny'];
}

/** The clean cell and those of AutoAttack on the first 256 test images. */
async function evaluated(model: string): Promise<CellRecord[]> {
  const out = mkdtempSync(join(tmpdir(), 'rampart-forms-'));
  const options = [...optionsOf(model), '--dataset', 'cifar10', '--data', data, '--n', '256', '--threat', 'Linf:8/255,L2:0.5'];
  const where = ['--engine', engine, '--threads', '1', '--workers', '1', '--out', out];
  try {
    execFileSync('npx', ['tsx', path('../cli/main.ts'), 'eval', model, ...options, ...where], { stdio: 'inherit' });
    return (await new FolderStore(out).records()).filter(isInBall);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Indices at which two rows of outcomes differ. */
const differing = (got: string, want: string) => [...want].flatMap((w, i) => (got[i] === w ? [] : [i]));

console.log(
  `engine ${engine}, one thread, 256 images\n\n| model | attack | accuracy | images unlike the authors' | time |\n|---|---|---|---|---|`,
);
for (const model of models)
  for (const { attack, threat, outcomes, accuracy, wallMs } of await evaluated(model)) {
    const ensemble = threat.norm === 'L2' ? authors.l2_ensemble : authors.linf_ensemble;
    const apart = differing(outcomes.robust, attack.name === 'clean' ? authors.clean : ensemble.robust);
    const told = apart.length === 0 ? 'none' : apart.join(', ');
    const label = attack.name === 'clean' ? 'clean' : `${attack.label} ${threat.norm}`;
    console.log(`| ${basename(model)} | ${label} | ${(100 * accuracy).toFixed(2)} % | ${told} | ${(wallMs / 1000).toFixed(0)} s |`);
  }
