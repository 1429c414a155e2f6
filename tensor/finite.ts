/** Whether values that were computed are finite, noted where they are: asking at once makes a GPU wait at every pass. */
import { tf } from './tf.ts';

export interface FiniteWatch {
  /** Notes values of any shape; they stay the caller's. */
  note(values: tf.Tensor): void;
  /** False once something that was noted is known not to be finite: at once, or after the next read of any tensor. */
  known(): boolean;
  /** Waits until all that was noted is known. */
  settle(): void;
}

const makers = new Map<string, () => FiniteWatch>();

/** Called by an engine when it starts, with the name of its TensorFlow.js backend, where it can note values without a wait. */
export function registerFiniteWatch(backend: string, make: () => FiniteWatch): void {
  makers.set(backend, make);
}

/** For values of the current backend. */
export function finiteWatch(): FiniteWatch {
  return makers.get(tf.getBackend())?.() ?? immediate();
}

function immediate(): FiniteWatch {
  let finite = true;
  return {
    note(values) {
      // one number leaves the device, not the values: NaN and infinity make the sum not finite
      const sum = tf.tidy(() => values.sum().dataSync()[0] as number);
      if (!Number.isFinite(sum)) finite = false;
    },
    known: () => finite,
    settle: () => undefined,
  };
}
