/** What the addon's libraries are told of threads. */
import { expect, test } from 'vitest';
import { threadSettings } from '../../engines/torch/load.ts';

test('threads wait passively after a short spin, and as many run as were asked for, whatever was set', () => {
  expect(threadSettings(3, { OMP_NUM_THREADS: '8', OPENBLAS_NUM_THREADS: '8', MKL_NUM_THREADS: '8' })).toEqual({
    OMP_WAIT_POLICY: 'passive',
    GOMP_SPINCOUNT: '2000',
    OPENBLAS_THREAD_TIMEOUT: '4',
    OMP_NUM_THREADS: '3',
    OPENBLAS_NUM_THREADS: '3',
    MKL_NUM_THREADS: '3',
  });
});

test('a policy of the user decides alone how long threads spin', () => {
  const settings = threadSettings(2, { OMP_WAIT_POLICY: 'active' });
  expect(settings).not.toHaveProperty('OMP_WAIT_POLICY');
  expect(settings).not.toHaveProperty('GOMP_SPINCOUNT');
});

test('counts of the user stay', () => {
  const settings = threadSettings(2, { GOMP_SPINCOUNT: '7', OPENBLAS_THREAD_TIMEOUT: '26' });
  expect(settings).toMatchObject({ OMP_WAIT_POLICY: 'passive', GOMP_SPINCOUNT: '7', OPENBLAS_THREAD_TIMEOUT: '26' });
});
