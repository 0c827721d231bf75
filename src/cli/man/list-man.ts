// Writes the list of the manual's pages into package.json, from where npm installs them. Run by `npm run generate`.
import { readFileSync, writeFileSync } from 'node:fs'

import { commandTree } from '../command-tree.ts'
import { version } from '../own-files.ts'
import { manPages } from './man-page.ts'

const file = new URL('../../../package.json', import.meta.url)
const program = await commandTree(undefined, () => undefined)
const man = manPages(program, version()).map((page) => `dist/man/${page.file}`)
const manifest = JSON.parse(readFileSync(file, 'utf8')) as object
writeFileSync(file, `${JSON.stringify({ ...manifest, man: man.toSorted() }, null, 2)}\n`)
