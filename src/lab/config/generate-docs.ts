// Writes docs/configuration.md and docs/klab.schema.json from the schema. Run by `npm run generate`.
import { writeFileSync } from 'node:fs'

import { configJsonSchema } from './leaves.ts'
import { configReference } from './reference.ts'

const docs = new URL('../../../docs/', import.meta.url)
writeFileSync(new URL('configuration.md', docs), configReference())
writeFileSync(new URL('klab.schema.json', docs), `${JSON.stringify(configJsonSchema(), null, 2)}\n`)
