/** The thread that a live model's process belongs to: its classifier sleeps while this one waits. */
import { serveBlocking } from '../blocking.ts';
import { type PythonFacts, PythonProcess, type PythonRequest, type PythonSource, type PythonTask } from './process.ts';

/** What the thread is started with: whose process it is, and the path of `live.py`. */
export interface ThreadData {
  readonly source: PythonSource;
  readonly script: string;
}

/** To the thread: load once, pass after pass, end once. */
export type ThreadRequest = { readonly op: 'load'; readonly task: PythonTask } | PythonRequest | { readonly op: 'end' };

serveBlocking<ThreadRequest, PythonFacts | undefined>((data) => {
  const { source, script } = data as ThreadData;
  const process = new PythonProcess(source, script);
  return async (request) => {
    if (request.op === 'load') return process.load(request.task);
    if (request.op === 'end') await process.end();
    else await process.ask(request);
    return undefined;
  };
});
