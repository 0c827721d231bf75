import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Both src/cli and dist/code are two levels below the package.
const PACKAGE = new URL('../../', import.meta.url)

/** The directory of klab's documentation. */
export const DOCS = fileURLToPath(new URL('docs', PACKAGE))

/** klab's own version. */
export function version(): string {
  const manifest = readFileSync(new URL('package.json', PACKAGE), 'utf8')
  // Ours.
  return (JSON.parse(manifest) as { version: string }).version
}
