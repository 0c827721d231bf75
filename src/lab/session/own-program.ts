import { existsSync, readFileSync } from 'node:fs'

import { packagePath } from '../../host/index.ts'

/** How klab starts itself: from its sources, or as it was built. */
export function ownProgram(): string[] {
  const source = packagePath('src', 'cli', 'main.ts')
  return [existsSync(source) ? source : packagePath('dist', 'code', 'klab.cjs')]
}

/** klab's own version. */
export function ownVersion(): string {
  // Ours.
  return (JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as { version: string })
    .version
}
