/** `rampart eval` with AutoAttack on one model saved in four forms, image by image beside the authors' own. `tsx bench/eval-forms.ts FOLDER DATA [ENGINE] [FORM...]`, the folder being what `eval_forms.py` made of test/golden/model.safetensors, DATA that of CIFAR-10. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FolderStore } from '../records/folder-store.ts';
import type { CellRecord } from '../records/record.ts';

interface Reference {
  readonly models: Record<string, { readonly clean: string; readonly linf_ensemble: { readonly robust: string } }>;
}

const [folder = '', data = '', engine = 'torch', ...wanted] = process.argv.slice(2);
const forms = wanted.length > 0 ? wanted : ['plain', 'module', 'nested', 'whole'];
const path = (url: string) => fileURLToPath(new URL(url, import.meta.url));
const authors = (JSON.parse(readFileSync(path('../test/golden/autoattack.json'), 'utf8')) as Reference).models['model.safetensors'];
if (!authors) throw new Error('test/golden/autoattack.json has no model.safetensors');

/** The clean cell and that of AutoAttack on the first 256 test images. */
async function evaluated(file: string): Promise<CellRecord[]> {
  const out = mkdtempSync(join(tmpdir(), 'rampart-forms-'));
  const options = ['--arch', 'resnet-tiny', '--dataset', 'cifar10', '--data', data, '--n', '256', '--threat', 'Linf:8/255'];
  try {
    execFileSync('npx', ['tsx', path('../cli/main.ts'), 'eval', file, ...options, '--engine', engine, '--out', out], { stdio: 'inherit' });
    return (await new FolderStore(out).records()).flatMap((r) => (r.kind === 'cell' ? [r] : []));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Indices at which two rows of outcomes differ. */
const differing = (got: string, want: string) => [...want].flatMap((w, i) => (got[i] === w ? [] : [i]));

console.log(`engine ${engine}, 256 images\n\n| form | attack | accuracy | images unlike the authors' | time |\n|---|---|---|---|---|`);
for (const form of forms) {
  for (const cell of await evaluated(join(folder, `${form}.pt`))) {
    const want = cell.attack.name === 'clean' ? authors.clean : authors.linf_ensemble.robust;
    const apart = differing(cell.outcomes.robust, want);
    const told = apart.length === 0 ? 'none' : apart.join(', ');
    console.log(
      `| ${form} | ${cell.attack.label} | ${(100 * cell.accuracy).toFixed(2)} % | ${told} | ${(cell.wallMs / 1000).toFixed(0)} s |`,
    );
  }
}
