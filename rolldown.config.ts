import { defineConfig } from 'rolldown'

// CommonJS, because Node's loader of ES modules takes 45 ms more for the files of `klab run` (and touches every lazy part of
// node:fs and node:crypto); the compile cache does the rest. Two levels below the package: see packagePath.
export default defineConfig({
  input: { klab: 'src/cli/main.ts' },
  platform: 'node',
  output: {
    dir: 'dist/code',
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name]-[hash].cjs',
    cleanDir: true,
  },
})
