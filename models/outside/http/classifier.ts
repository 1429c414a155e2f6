/** A model behind an HTTP endpoint, as a classifier without gradients. */

import type { Rng } from '../../../tensor/rng.ts';
import { type Shape, tf } from '../../../tensor/tf.ts';
import type { Classifier } from '../../classifier.ts';
import { Blocking } from '../blocking.ts';
import { imagesToSend } from '../images.ts';
import type { HttpReply, HttpSetup } from './client.ts';
import { type HttpSource, nameOfUrl } from './source.ts';
import type { ThreadData, ThreadRequest } from './thread.ts';

const threadUrl = () => new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);

/** Longer than the thread has patience for one answer, in seconds: then it is lost. */
const LOST = 1200;

/** Sends nothing yet. Throws where a variable of the environment is missing. `alive` is called between requests. The caller owns the classifier. */
export function openHttp(source: HttpSource, setup: HttpSetup, alive: () => void = () => undefined): Classifier {
  const thread = new Blocking<ThreadRequest, HttpReply | undefined>(threadUrl(), { source, setup } satisfies ThreadData);
  const ask = (request: ThreadRequest) => thread.call(request, LOST + source.timeout);
  const close = () => {
    try {
      ask('end');
    } finally {
      thread.close();
    }
  };
  try {
    ask('open');
  } catch (error) {
    close();
    throw error;
  }
  return new HttpClassifier(source, setup, ask, close, alive);
}

class HttpClassifier implements Classifier {
  readonly classes: number;
  readonly inputShape: Shape;
  readonly access: 'scores' | 'decision';
  readonly levels?: number;
  readonly asked = { sent: 0, kept: 0 };
  readonly #source: HttpSource;
  readonly #ask: (request: ThreadRequest) => HttpReply | undefined;
  readonly #close: () => void;
  readonly #alive: () => void;

  constructor(
    source: HttpSource,
    { shape, classes }: HttpSetup,
    ask: (request: ThreadRequest) => HttpReply | undefined,
    close: () => void,
    alive: () => void,
  ) {
    this.classes = classes;
    this.inputShape = shape;
    this.access = source.access === 'labels' ? 'decision' : 'scores';
    if (source.format === 'png') this.levels = 255;
    this.#source = source;
    this.#ask = ask;
    this.#close = close;
    this.#alive = alive;
  }

  /** Logits, the logarithms of probabilities, or for a label alone one that is far above the rest. An image under other `draws` is asked about anew. */
  logits(x: tf.Tensor4D, draws?: readonly Rng[]): tf.Tensor2D {
    const n = x.shape[0];
    const values = imagesToSend(x, this.inputShape, nameOfUrl(this.#source.url));
    const d = values.length / n;
    const logits = new Float32Array(n * this.classes);
    for (let at = 0; at < n; at += this.#source.batch) {
      const end = Math.min(at + this.#source.batch, n);
      const keys = draws?.slice(at, end).map(({ key }) => key);
      const reply = this.#ask({ values: values.slice(at * d, end * d), n: end - at, ...(keys && { draws: keys }) }) as HttpReply;
      logits.set(reply.logits, at * this.classes);
      this.asked.sent += reply.sent;
      this.asked.kept += reply.kept;
      this.#alive();
    }
    return tf.tensor2d(logits, [n, this.classes]);
  }

  dispose(): void {
    this.#close();
  }
}
