// Compiles the agent and the launcher into dist/native, for a package that needs no compiler. Run by `npm run build`.
import { mkdirSync } from 'node:fs'

import { packagePath } from '../base/index.ts'
import { compileTo, LAUNCHER, SHIM, shippedPath } from '../host/index.ts'
import { AGENT } from './program.ts'

mkdirSync(packagePath('dist', 'native'), { recursive: true })
for (const program of [AGENT, LAUNCHER, SHIM]) await compileTo(program, shippedPath(program))
