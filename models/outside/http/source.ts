/** A model behind an HTTP endpoint: where it is, what it tells, in which form it is asked, and what may be spent on it. */

export interface HttpSource {
  readonly url: string;
  /** What it answers with: a number for each class, or the predicted class alone. */
  readonly access: 'scores' | 'labels';
  /** What scores are. Probabilities become logits by their logarithm. */
  readonly scores: 'probabilities' | 'logits';
  /** `float32` is exact; `png` rounds every value to a multiple of 1/255. */
  readonly format: 'float32' | 'png';
  /** What its user calls what is there now: answers of one version are kept apart from those of another. */
  readonly version: string;
  /** Most images of one request. */
  readonly batch: number;
  /** The longest that a request may take, in seconds. */
  readonly timeout: number;
  /** Requests after the first, where it fails, stalls or says to come back later. */
  readonly retries: number;
  /** Requests per second at most. */
  readonly rate?: number;
  /** Images to send at most, over all runs that share the answers. Images sent again count again. */
  readonly queries?: number;
  /** Of 1,000 images, and the most to spend, in the same currency. */
  readonly price?: number;
  readonly budget?: number;
  /** Folder where answers are kept; that of the run where absent. */
  readonly answers?: string;
  /** Variable of the environment whose value is sent as `Authorization: Bearer`. */
  readonly tokenEnv?: string;
  /** Headers, and the variables of the environment that hold their values. */
  readonly headersFrom: Readonly<Record<string, string>>;
}

/** `https://host/predict?key=...`: without what may be secret, for messages, tables and records. */
export function urlShown(url: string): string {
  const { origin, pathname, searchParams } = new URL(url);
  const keys = [...searchParams.keys()];
  return `${origin}${pathname}${keys.length > 0 ? `?${keys.map((key) => `${key}=...`).join('&')}` : ''}`;
}

/** What messages and tables call it: the URL without its scheme. */
export const nameOfUrl = (url: string) => urlShown(url).replace(/^https?:\/\//, '');

/** A budget of 0.0045 at 1.5 per 1,000 is three images, although the quotient falls short of it. */
const ROUNDING = 1e-9;

/** Images that may be sent at most, and in which words that was said; undefined without a limit. */
export function limitOf({ queries, price, budget }: HttpSource): { images: number; why: string } | undefined {
  const affordable =
    price === undefined || budget === undefined ? Number.POSITIVE_INFINITY : Math.floor((budget / price) * 1000 + ROUNDING);
  if (queries !== undefined && queries <= affordable) return { images: queries, why: `queries: ${queries}` };
  return Number.isFinite(affordable) ? { images: affordable, why: `budget: ${budget} at ${price} per 1,000 images` } : undefined;
}
