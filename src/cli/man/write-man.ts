// Writes the pages of the manual into dist/man. Run by `npm run build`.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { commandTree } from '../command-tree.ts'
import { version } from '../own-files.ts'
import { manPages } from './man-page.ts'

const dir = join(import.meta.dirname, '../../../dist/man')
rmSync(dir, { recursive: true, force: true })
mkdirSync(dir, { recursive: true })
const program = await commandTree(undefined, () => undefined)
for (const { file, roff } of manPages(program, version())) writeFileSync(join(dir, file), roff)
