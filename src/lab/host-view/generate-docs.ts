// Writes the list of docs/secrets.md from the table. Run by `npm run generate`.
import { readFileSync, writeFileSync } from 'node:fs'

import { secretsReference, withReference } from './secrets-reference.ts'

const path = new URL('../../../docs/secrets.md', import.meta.url)
writeFileSync(path, withReference(readFileSync(path, 'utf8'), secretsReference()))
