/** Where the tests of the torch engine run: on the CPU, unless `RAMPART_TEST_DEVICE` names a GPU, as `npm run check:gpu` does. */
export const testDevice = process.env.RAMPART_TEST_DEVICE ?? 'cpu';
