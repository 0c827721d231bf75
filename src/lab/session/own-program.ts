import { existsSync, readFileSync } from 'node:fs'

import { decodeJson, hasFields, packagePath } from '../../base/index.ts'

/** How klab starts itself: from its sources, or as it was built. */
export function ownProgram(): string[] {
  const source = packagePath('src', 'cli', 'main.ts')
  return [existsSync(source) ? source : packagePath('dist', 'code', 'klab.cjs')]
}

/** klab's own version. */
export function ownVersion(): string {
  const path = packagePath('package.json')
  return decodeJson(readFileSync(path, 'utf8'), {
    what: path,
    check: (value): value is { version: string } => hasFields(value, { version: 'string' }),
  }).version
}
