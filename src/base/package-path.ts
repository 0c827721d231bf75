import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The path of a file that comes with klab. Both src/base and dist/code are two levels below the package. */
export function packagePath(...parts: string[]): string {
  return fileURLToPath(new URL(join('../..', ...parts), import.meta.url))
}
