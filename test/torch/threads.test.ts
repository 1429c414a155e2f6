/** What the addon's libraries are told of threads. */
import { expect, test } from 'vitest';
import { threadSettings } from '../../engines/torch/load.ts';

const alone = { beside: 0, processors: 8 };

test('threads wait passively after a spin, and as many run as were asked for, whatever was set', () => {
  expect(threadSettings(3, { OMP_NUM_THREADS: '8', OPENBLAS_NUM_THREADS: '8', MKL_NUM_THREADS: '8' }, alone)).toEqual({
    OMP_WAIT_POLICY: 'passive',
    GOMP_SPINCOUNT: '300000',
    OPENBLAS_THREAD_TIMEOUT: '4',
    OMP_NUM_THREADS: '3',
    OPENBLAS_NUM_THREADS: '3',
    MKL_NUM_THREADS: '3',
  });
});

test.each([
  [2, 0, 2, '300000'],
  [2, 1, 4, '300000'],
  [2, 1, 3, '2000'],
  [3, 0, 2, '2000'],
])('%d threads with %d workers beside them on %d processors spin for %s', (threads, beside, processors, spin) => {
  expect(threadSettings(threads, {}, { beside, processors }).GOMP_SPINCOUNT).toBe(spin);
});

test('a policy of the user decides alone how long threads spin', () => {
  const settings = threadSettings(2, { OMP_WAIT_POLICY: 'active' }, alone);
  expect(settings).not.toHaveProperty('OMP_WAIT_POLICY');
  expect(settings).not.toHaveProperty('GOMP_SPINCOUNT');
});

test('counts of the user stay', () => {
  const settings = threadSettings(2, { GOMP_SPINCOUNT: '7', OPENBLAS_THREAD_TIMEOUT: '26' }, alone);
  expect(settings).toMatchObject({ OMP_WAIT_POLICY: 'passive', GOMP_SPINCOUNT: '7', OPENBLAS_THREAD_TIMEOUT: '26' });
});
