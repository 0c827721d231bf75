import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The project's klab.yaml, looked for upwards. */
export function findProjectFile(cwd: string): string | undefined {
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    const path = join(dir, 'klab.yaml')
    if (existsSync(path)) return path
    if (dir === dirname(dir)) return undefined
  }
}
