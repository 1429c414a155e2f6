/** Models behind an HTTP endpoint: what is known of them when a run is planned, and how a cell asks them. */
import { join } from 'node:path';
import { RampartError } from '../../errors.ts';
import type { Classifier } from '../../models/classifier.ts';
import { openHttp } from '../../models/outside/http/classifier.ts';
import { headersOf } from '../../models/outside/http/client.ts';
import { urlShown } from '../../models/outside/http/source.ts';
import { canonicalJson, sha256 } from '../../records/hash.ts';
import type { ModelRecord, OutsideRecord } from '../../records/record.ts';
import type { EndpointSource } from '../suite/models.ts';
import type { DataForm, OutsideFound } from './job.ts';

type EndpointRecord = Extract<OutsideRecord, { via: 'http' }>;

function recordOf({ url, access, scores, format, version }: EndpointSource): EndpointRecord {
  return { via: 'http', url: urlShown(url), access, ...(access === 'scores' && { scores }), format, version };
}

/** What tells one endpoint from another, in the place of a hash of weights: what is there can change, and only its user knows (`version`). */
const identityOf = (source: EndpointSource, { shape, classes }: DataForm) => sha256(canonicalJson({ ...recordOf(source), shape, classes }));

/** Nothing is sent. Throws where a variable of the environment is missing. */
export function findEndpoint(source: EndpointSource, form: DataForm): OutsideFound {
  headersOf(source);
  return { model: recordOf(source), weights: identityOf(source, form), parameters: 0, multiplyAdds: 0, activations: 1 };
}

/** The model of a record; `here` are those that are known to this machine, `alive` is called between requests. The caller owns the classifier. */
export function openEndpoint(
  { name, weightsHash }: ModelRecord,
  { shape, classes }: DataForm,
  here: readonly EndpointSource[],
  alive: () => void,
): Classifier {
  const source = here.find((one) => identityOf(one, { shape, classes }) === weightsHash);
  if (source?.answers === undefined)
    throw new RampartError(`[model ${name}] the endpoint is not the one that the run was planned with`, { remedy: 'run the suite again' });
  return openHttp(source, { shape, classes, answers: join(source.answers, `${weightsHash.slice(0, 24)}.jsonl`) }, alive);
}
