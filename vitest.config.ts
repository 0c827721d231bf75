import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts', 'test/*.test.ts'] } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/support/kernels.ts'],
          testTimeout: 180_000,
          hookTimeout: 1_200_000,
          // Two emulated VMs already fill two cores; more only makes every deadline unfair.
          maxWorkers: 2,
        },
      },
    ],
  },
})
