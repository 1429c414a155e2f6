/** What stands at the head and at the foot of a model's page: how it came about, what was asked, and where its record was made. */
import type { ModelRecord, OutsideRecord } from '../../records/record.ts';
import { compact, parameters, percent, radius } from '../formats/format.ts';
import { VERDICTS } from '../view/masking/masking.ts';
import { rankText } from '../view/ranking.ts';
import type { ModelView, Row } from '../view/view.ts';
import type { Site } from './views.ts';

type EndpointRecord = Extract<OutsideRecord, { via: 'http' }>;

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
      value:
        arch.parameters === 0
          ? `${arch.name}, of which nothing is known`
          : `${arch.name}, ${compact(arch.parameters)} parameters${arch.multiplyAdds > 0 ? `, ${compact(arch.multiplyAdds)} multiply-adds a pass` : ''}`,
    },
    ...scriptFacts(record),
    ...outsideFacts(record),
    ...askedFacts(row),
    ...precisionFacts(row),
    {
      key: 'Data',
      value: `${dataset.name}: ${trainingImages(dataset)}${dataset.test} test images${record.extraData ? ', and extra data' : ''}`,
    },
    ...(threat ? [{ key: 'Trained against', value: `${threat.norm} ${radius(threat.eps)}` }] : []),
    { key: 'Seed', value: String(record.seed) },
  ];
  if (wrapped) facts.push({ key: 'Wraps', value: wrapped.name, href: `${wrapped.slug}.html` });
  if (row && row.masking.findings.length > 0)
    facts.unshift({ key: 'Masked gradients', value: VERDICTS[row.masking.verdict], href: '#masking' });
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
function outsideFacts({ outside }: ModelRecord): { key: string; value: string }[] {
  if (!outside) return [];
  if (outside.source.via === 'http') return endpointFacts(outside.source);
  const { file, function: name, module, python, torch, device, deviceName, sources } = outside.source;
  return [
    {
      key: 'Ran outside',
      value: `${module} of ${file}:${name}, in Python ${python} with PyTorch ${torch} on ${deviceName === '' ? device : `${device} (${deviceName})`}`,
    },
    ...sources.map(({ path, hash }) => ({ key: 'Its code', value: `${path}, SHA-256 ${hash}` })),
  ];
}

function endpointFacts({ url, access, scores, format, version }: EndpointRecord): { key: string; value: string }[] {
  const answers = access === 'labels' ? 'labels alone' : scores === 'logits' ? 'logits' : 'probabilities, of which the logarithm was taken';
  const sent = format === 'png' ? 'as PNG, rounded to 1/255 before they were asked about and counted' : 'as float32';
  return [
    { key: 'Ran outside', value: `${url}, which answered with ${answers}; images were sent ${sent}` },
    ...(version === '' ? [] : [{ key: 'Its version', value: version }]),
  ];
}

/** What its cells were computed in, where that is not float32: a model is trained in another than it is attacked in. */
function precisionFacts(row: Row | undefined): { key: string; value: string }[] {
  const found = new Set([...(row?.cells.values() ?? [])].flatMap(({ provenance: { engine } }) => engine.precision ?? []));
  found.delete('fp32');
  return found.size === 0 ? [] : [{ key: 'Attacked in', value: [...found].join(', ') }];
}

/** What a model behind an endpoint was asked, by all cells of the row together. */
function askedFacts(row: Row | undefined): { key: string; value: string }[] {
  const asked = [...(row?.cells.values() ?? [])].flatMap((cell) => cell.asked ?? []);
  const [sent, kept] = (['sent', 'kept'] as const).map((key) => asked.reduce((sum, one) => sum + one[key], 0)) as [number, number];
  if (sent + kept === 0) return [];
  return [{ key: 'Asked', value: `${sent} images sent, ${kept} answered from what was kept (${percent(kept / (sent + kept))} %)` }];
}

/** Nothing of an imported model, of which it is not known. */
const trainingImages = ({ train, validation }: ModelRecord['dataset']) =>
  train === 0 ? '' : `${train} training images${validation > 0 ? ` (${validation} of them for validation)` : ''}, `;

const engineText = ({ name, version, device, threads, precision }: ModelRecord['provenance']['engine']) =>
  `${name} ${version} on ${device}, ${threads} threads${precision ? `, ${precision}` : ''}`;

export function provenance(model: ModelView) {
  const { provenance: p, key } = model.record;
  return [
    { key: 'Record', value: key },
    { key: 'Rampart', value: `${p.rampart}, revision ${p.revision}` },
    { key: 'Engine', value: engineText(p.engine) },
    { key: 'Machine', value: `${p.host.cpu}, ${p.host.cores} cores, ${p.host.memoryGb} GB, ${p.host.platform}, Node ${p.node}` },
    { key: 'Started', value: p.startedAt },
  ];
}
