/** A process of `patience.test.ts`: waits so long for messages, and says when it hears one and when it has waited enough. */
import { waitAtMost } from '../../patience.ts';

const limitMs = Number(process.argv[2]);
const wait = waitAtMost(limitMs, () => process.send?.({ over: true, waited: wait.ms >= limitMs }, () => process.exit()));
process.on('message', () => {
  process.send?.('heard');
  wait.again();
});
process.on('disconnect', () => process.exit());
process.send?.('waits');
