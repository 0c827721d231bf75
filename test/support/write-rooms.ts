import { readFileSync, writeFileSync } from 'node:fs'

import { roomTables } from './rooms.ts'

const PATH = 'docs/architecture.md'
const [BEGIN, END] = ['<!-- rooms: npm run generate -->\n\n', '\n<!-- /rooms -->']

// The tables of docs/architecture.md, from the one that the test reads.
const text = readFileSync(PATH, 'utf8')
const [before, rest] = text.split(BEGIN)
const [, after] = rest?.split(END) ?? []
if (after === undefined) throw new Error(`${PATH} has no place for the tables`)
writeFileSync(PATH, `${before}${BEGIN}${roomTables()}${END}${after}`)
