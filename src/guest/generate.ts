// Writes guest/protocol.h from the table. Run by `npm run generate`.
import { writeFileSync } from 'node:fs'

import { protocolHeader } from './protocol-header.ts'

writeFileSync(new URL('../../guest/protocol.h', import.meta.url), protocolHeader())
