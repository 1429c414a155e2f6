/** A process of `workers.test.ts`: a run's, as far as it has jobs done by workers and watches them. Of the built package, as its workers are. */
const { processExecutor } = await import(new URL('../../dist/harness/run/local/process-executor.js', import.meta.url).href);

const options = {};
let executor;

process.on('disconnect', () => process.exit());
process.on('message', async ({ settings, place, engine, task, silenceMs }) => {
  options.silenceMs = silenceMs;
  executor ??= processExecutor(settings, place, options);
  const end = await executor.run(task, engine, new AbortController().signal, { progress: () => process.send('works') }).then(
    () => 'done',
    (error) => error.message,
  );
  process.send(end);
});
process.send('ready');
