import { existsSync } from 'node:fs'

import { run } from './process.ts'

/** So many paths at once: their names have to fit on a command line. */
const BATCH = 500

/** Bytes in each of these directories, by path; one that is not there has none. */
export async function diskUsage(paths: readonly string[]): Promise<Map<string, number>> {
  const bytes = new Map<string, number>(paths.map((path) => [path, 0]))
  const there = paths.filter((path) => existsSync(path))
  for (let at = 0; at < there.length; at += BATCH) {
    // One process for many: a history of a thousand runs must not start a thousand.
    const { stdout } = await run('du', ['-sb', '--', ...there.slice(at, at + BATCH)])
    for (const line of stdout.split('\n')) {
      const [size, path] = line.split('\t')
      if (path !== undefined) bytes.set(path, Number(size))
    }
  }
  return bytes
}
