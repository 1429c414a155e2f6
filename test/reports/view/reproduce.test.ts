/** The suite file on a model's page is a suite: the real parser takes it and plans the same model and cells. */
import { describe, expect, it } from 'vitest';
import { resolveSuite } from '../../../harness/suite/read.ts';
import { buildView } from '../../../reports/view/leaderboard.ts';
import { reproduction } from '../../../reports/view/reproduce.ts';
import { syntheticRecords } from '../synthetic.ts';

/** Synthetic records whose parameters are ones that the plug-ins know. */
function records() {
  const made = syntheticRecords({
    models: 4,
    n: 200,
    attacks: ['fgsm', 'pgd', 'square', 'transfer'],
    threats: [
      { norm: 'Linf', eps: 8 / 255 },
      { norm: 'Linf', eps: 4 / 255 },
    ],
  });
  for (const r of made) {
    if (r.kind === 'model') {
      r.defense.params = r.defense.name === 'trades' ? { beta: 5 } : {};
      r.recipe = { epochs: 12, batchSize: 128, learningRate: 0.1 };
    } else if (r.attack.name === 'pgd') r.attack.params = { steps: 20, restarts: 2 };
    else if (r.attack.name === 'transfer') r.attack.params = { sources: ['standard'] };
    else if (r.attack.name === 'square') r.attack.params = { queries: 500 };
    if (r.kind === 'cell' && r.attack.name === 'square') r.n = 100;
  }
  return made;
}

describe('the suite that makes a model again', () => {
  const view = buildView(records());
  const trades = view.models.find((m) => m.name === 'trades');
  if (!trades) throw new Error('no trades among the synthetic models');

  it('is one that the command line takes, with the same data, threats, defense, attacks and seed', async () => {
    const { suite } = await resolveSuite(reproduction(trades, view).suite, 'suite.yml');
    expect(suite.threats[0]).toMatchObject({ norm: 'Linf', main: 8 / 255, radii: [4 / 255, 8 / 255] });
    expect(suite.architectures).toEqual(['resnet-tiny']);
    expect(suite.defenses.find((d) => d.ref.name === 'trades')?.ref.params).toMatchObject({ beta: 5 });
    expect(suite.defenses[0]?.trainings[0]?.recipe).toMatchObject({ epochs: 12, batchSize: 128, learningRate: 0.1 });
    expect(suite.attacks.find((a) => a.label === 'pgd')?.ref.params).toMatchObject({ steps: 20, restarts: 2 });
    expect(suite.attacks.find((a) => a.label === 'square')?.n).toBe(100);
    expect(suite.seeds).toEqual([0]);
  });

  it('holds the model that an attack transfers from', async () => {
    const { suite } = await resolveSuite(reproduction(trades, view).suite, 'suite.yml');
    expect(suite.defenses.map((d) => d.label)).toContain('standard');
  });

  it('calls a source as attacks do, in its own architecture', async () => {
    const other = structuredClone(records());
    for (const r of other) {
      if (r.kind === 'cell' && r.attack.name === 'transfer')
        r.attack.params = { sources: ['teacher (last)'], attack: { name: 'fgsm', decides: 'last' } };
      if (r.kind !== 'model' || r.name !== 'standard') continue;
      r.name = 'teacher (last)';
      r.arch = { ...r.arch, name: 'cnn-small' };
      r.recipe = { ...r.recipe, keep: 'last' };
    }
    const again = buildView(other);
    const found = again.models.find((m) => m.name === 'trades');
    if (!found) throw new Error('no trades in the view');
    const { suite } = await resolveSuite(reproduction(found, again).suite, 'suite.yml');
    const source = suite.defenses.find((d) => d.label === 'teacher (last)');
    expect(source?.trainings).toMatchObject([{ architecture: 'cnn-small', recipe: { keep: 'last' } }]);
    expect(suite.defenses.find((d) => d.label === 'trades')?.trainings).toMatchObject([
      { architecture: 'resnet-tiny', recipe: { keep: 'best' } },
    ]);
    expect(suite.attacks.find((a) => a.ref.name === 'transfer')?.ref.params.attack).toMatchObject({ name: 'fgsm', decides: 'last' });
  });

  it('of a pretrained model says which weights it needs', () => {
    const pretrained = structuredClone(records());
    const model = pretrained.find((r) => r.kind === 'model' && r.name === 'trades');
    if (model?.kind !== 'model') throw new Error('no trades among the synthetic models');
    model.defense = { ...model.defense, kind: 'pretrained', params: {} };
    const again = buildView(pretrained);
    const found = again.models.find((m) => m.name === 'trades');
    if (!found) throw new Error('no trades in the view');
    const { suite, caveat } = reproduction(found, again);
    expect(caveat).toContain(model.weightsHash);
    expect(suite).toContain(`weights: ${model.weightsHash.slice(0, 12)}.safetensors`);
    model.imported = { file: 'traced.pt', kind: 'torchscript', notes: [] };
    expect(reproduction(found, again).suite).toContain(`torchscript: ${model.weightsHash.slice(0, 12)}.pt`);
  });

  it('of a model behind an endpoint says where it is and how it was asked, and that it may be another today', async () => {
    const made = structuredClone(records());
    const model = made.find((r) => r.kind === 'model' && r.name === 'trades');
    if (model?.kind !== 'model') throw new Error('no trades among the synthetic models');
    model.defense = { ...model.defense, kind: 'pretrained', params: {} };
    const known = { access: 'scores', scores: 'logits', format: 'float32', version: '3' } as const;
    model.outside = { source: { via: 'http', url: 'https://host/predict?key=...', ...known }, expect: { clean: 0.9, tolerance: 0.01 } };
    // what may be asked of it
    const asked = made.filter((r) => r.kind === 'model' || r.model.key !== model.key || r.attack.access !== 'gradient');
    const again = buildView(asked);
    const found = again.models.find((m) => m.name === 'trades');
    if (!found) throw new Error('no trades in the view');
    const { suite: text, caveat } = reproduction(found, again);
    expect(caveat).toBe('what https://host/predict?key=... answers with today is not known here');
    const { suite } = await resolveSuite(text, 'suite.yml');
    expect(suite.models).toMatchObject([
      { name: 'trades', source: { url: 'https://host/predict?key=...', ...known }, expect: { clean: 0.9 } },
    ]);
    expect(suite.attacks.map(({ label }) => label)).toContain('square');
  });
});
