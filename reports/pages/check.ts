/** "Check it here" on a model's page: what the checker is told, and how much it will load. */
import type { EvidenceLink } from '../../records/evidence/format.ts';
import { size } from '../formats/format.ts';
import type { ModelView } from '../view/view.ts';
import type { Site } from './views.ts';

/** The script that the page loads when it is asked to check. */
export const CHECKER = 'assets/checker.js';

/** The script that it loads beside that where the browser has WebGPU. */
export const WEBGPU = 'assets/webgpu.js';

/** Bytes of a file as they travel: base64 takes a third more. */
export const carried = (bytes: number) => size((bytes * 4) / 3);

/** What the template `check` takes. The checker must be among the site's files. */
export function checkView(site: Site, { record: { weightsHash }, slug }: ModelView, { index, weights, images, imageBytes }: EvidenceLink) {
  return {
    tryHref: weights === undefined ? undefined : `../try.html#model=${slug}`,
    root: '../',
    index: JSON.stringify(index),
    images,
    weights: weights === undefined ? undefined : carried(weights),
    imageSize: carried(imageBytes),
    checker: size(Buffer.byteLength(site.files.get(CHECKER) ?? '')),
    webgpu: size(Buffer.byteLength(site.files.get(WEBGPU) ?? '')),
    weightsHash,
  };
}
