/** A process of `lock.test.ts`: tries for the lock that it is told, keeps it, and says whether it has it. */
import { tryLock } from '../lock.ts';

process.on('message', async (path: string) => {
  process.send?.((await tryLock(path)) ? 'has it' : 'another has it');
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
