/** What stands at the head and at the foot of a model's page: how it came about, what was asked, and where its record was made. */
import type { ModelRecord } from '../../records/record.ts';
import { compact, parameters, radius } from '../formats/format.ts';
import { rankText } from '../view/ranking.ts';
import type { ModelView, Row } from '../view/view.ts';
import type { Site } from './views.ts';

export function summary(site: Site, model: ModelView, row: Row | undefined) {
  const { record } = model;
  const { threat, dataset, arch } = record;
  const wrapped = record.wraps ? site.view.models.find((m) => m.record.key === record.wraps) : undefined;
  const facts: { key: string; value: string; href?: string }[] = [
    {
      key: 'Defense',
      value: `${record.defense.name}${Object.keys(record.defense.params).length > 0 ? ` (${parameters(record.defense.params)})` : ''}`,
    },
    {
      key: 'Architecture',
      value: `${arch.name}, ${compact(arch.parameters)} parameters${arch.multiplyAdds > 0 ? `, ${compact(arch.multiplyAdds)} multiply-adds a pass` : ''}`,
    },
    ...scriptFacts(record),
    ...outsideFacts(record),
    {
      key: 'Data',
      value: `${dataset.name}: ${trainingImages(dataset)}${dataset.test} test images${record.extraData ? ', and extra data' : ''}`,
    },
    ...(threat ? [{ key: 'Trained against', value: `${threat.norm} ${radius(threat.eps)}` }] : []),
    { key: 'Seed', value: String(record.seed) },
  ];
  if (wrapped) facts.push({ key: 'Wraps', value: wrapped.name, href: `${wrapped.slug}.html` });
  if (row?.rank) facts.unshift({ key: 'Rank', value: rankText(row.rank) });
  return facts.map((f) => ({ href: undefined, ...f }));
}

/** The file of code that was run. */
function scriptFacts({ imported, weightsHash, provenance }: ModelRecord): { key: string; value: string }[] {
  if (imported?.kind !== 'torchscript') return [];
  const { version, device } = provenance.engine;
  return [{ key: 'TorchScript', value: `${imported.file}, SHA-256 ${weightsHash}, run by libtorch ${version} on ${device}` }];
}

/** What was asked, of a model that ran outside of this program. */
function outsideFacts({ outside, weightsHash }: ModelRecord): { key: string; value: string }[] {
  if (!outside) return [];
  const { file, function: name, module, python, torch, device, deviceName, sources } = outside.source;
  return [
    {
      key: 'Ran outside',
      value: `${module} of ${file}:${name}, in Python ${python} with PyTorch ${torch} on ${deviceName === '' ? device : `${device} (${deviceName})`}`,
    },
    { key: 'Its weights', value: `SHA-256 ${weightsHash} of parameters and buffers, as it told them` },
    ...sources.map(({ path, hash }) => ({ key: 'Its code', value: `${path}, SHA-256 ${hash}` })),
  ];
}

/** Nothing of an imported model, of which it is not known. */
const trainingImages = ({ train, validation }: ModelRecord['dataset']) =>
  train === 0 ? '' : `${train} training images${validation > 0 ? ` (${validation} of them for validation)` : ''}, `;

export function provenance(model: ModelView) {
  const { provenance: p, key } = model.record;
  return [
    { key: 'Record', value: key },
    { key: 'Rampart', value: `${p.rampart}, revision ${p.revision}` },
    { key: 'Engine', value: `${p.engine.name} ${p.engine.version} on ${p.engine.device}, ${p.engine.threads} threads` },
    { key: 'Machine', value: `${p.host.cpu}, ${p.host.cores} cores, ${p.host.memoryGb} GB, ${p.host.platform}, Node ${p.node}` },
    { key: 'Started', value: p.startedAt },
  ];
}
