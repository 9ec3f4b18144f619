/** How the tests run: the house rules by themselves, everything else against one database that is started once. */
import { configDefaults, defineConfig } from 'vitest/config'

const house = 'server/test/house/**/*.test.ts'

export default defineConfig({
  test: {
    // Modules are shared between files: the house tests take 0.9 s so, and 1.9 s with a fresh set of modules per file.
    isolate: false,
    pool: 'forks',
    // The default leaves one core idle; most of these tests wait for a database or another process anyway.
    maxWorkers: 2,
    // Biome's rule for this takes our own `fit` for a focused test. Use --allowOnly while you need it.
    allowOnly: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The default of a second is not enough for a busy machine.
    expect: { poll: { timeout: 10_000, interval: 20 } },
    projects: [
      { extends: true, test: { name: 'house', include: [house] } },
      {
        extends: true,
        test: {
          name: 'product',
          include: ['server/**/*.test.ts', 'networks/**/*.test.ts'],
          exclude: [...configDefaults.exclude, house],
          globalSetup: ['server/test/support/global-setup.ts'],
        },
      },
    ],
  },
})
