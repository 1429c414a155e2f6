/** The tests that mutants must survive: those of the folder `MUTANTS_OF`, without such as start processes of their own or need the built program, on engines that are everywhere. */
import { defineConfig } from 'vitest/config';

const FOLDERS = ['attacks', 'corruptions', 'defenses', 'records', 'harness', 'models', 'tensor'];
/** What is tested with those who call it. */
const BESIDE: Record<string, string[]> = {
  tensor: ['test/engines/fused.test.ts', 'test/models/batch-statistics.test.ts', 'test/attacks/parts/*.test.ts'],
};

const chosen = FOLDERS.filter((folder) => folder === (process.env.MUTANTS_OF ?? folder));

export default defineConfig({
  test: {
    include: chosen.flatMap((folder) => [`test/${folder}/**/*.test.ts`, ...(BESIDE[folder] ?? [])]),
    exclude: [
      'test/harness/run/{workers,executor}.test.ts',
      'test/harness/job/{many-classes,outside,peak-memory,selection}.test.ts',
      'test/models/import/forms.test.ts',
      'test/models/outside/{live,http/classifier}.test.ts',
      'test/harness/suite/yaml-time.test.ts',
    ],
    env: { RAMPART_TORCH_BUILD: 'none' },
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
