/** A process of `waits.test.ts`: asks an endpoint about one image, with no second try. */
import { HttpClient } from '../../models/outside/http/client.ts';

const [url = '', answers = ''] = process.argv.slice(2);
const client = new HttpClient(
  { url, access: 'scores', scores: 'probabilities', format: 'float32', version: '', batch: 4, timeout: 4, retries: 0, headersFrom: {} },
  { shape: [1, 2, 1], classes: 2, answers },
);
client
  .ask({ n: 1, values: Float32Array.of(0.25, 0.25) })
  .then(
    ({ logits }) => logits.length,
    (error: Error) => error.message,
  )
  .then((answer) => process.send?.(answer, () => process.exit()));
process.on('disconnect', () => process.exit());
