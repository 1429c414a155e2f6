/** The thread that talks to an endpoint: its classifier sleeps while this one waits. */
import { serveBlocking } from '../blocking.ts';
import { HttpClient, type HttpReply, type HttpRequest, type HttpSetup } from './client.ts';
import type { HttpSource } from './source.ts';

/** What the thread is started with. */
export interface ThreadData {
  readonly source: HttpSource;
  readonly setup: HttpSetup;
}

/** To the thread: it opens at the first request, so that what it lacks is told as an answer. */
export type ThreadRequest = HttpRequest | 'open' | 'end';

serveBlocking<ThreadRequest, HttpReply | undefined>((data) => {
  const { source, setup } = data as ThreadData;
  let client: HttpClient | undefined;
  return async (request) => {
    if (request === 'end') return void client?.close();
    client ??= new HttpClient(source, setup);
    return request === 'open' ? undefined : client.ask(request);
  };
});
