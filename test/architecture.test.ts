import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'

import { circles, importGraph, importsOf, sourceFiles, withoutComments } from './support/code.ts'
import { prints } from './support/prints.ts'
import { ARCH_BOUND, MODULES, OWNER, ROOMS, roomTables } from './support/rooms.ts'

const CLI_ONLY =
  /\b(?:(?<!\.)console\.(?:log|error|warn|info|debug)\(|process\.exit\b|process\.env\b)/

/** Registers, images, consoles and programs of one architecture, and its names. */
const ARCH_WORD =
  /\b[re](?:ip|[sb]p|[abcd]x|[sd]i|flags)\b|\br(?:8|9|1[0-5])\b|\b(?:RFL|CPL|HLT)\b|bzImage|ttyS0|microvm|q35|8250|qemu-system-|x86|amd64|i[3-6]86/gi

/** The files that may write to our two streams, and why. */
const PRINTS: Readonly<Record<string, string>> = {
  'cli/render/print.ts': 'the one place',
  'cli/terminal.ts': "what the user's own command prints, and what the user types",
  'cli/main.ts': 'its own version, before anything is loaded',
}

const MAX_FILE = 400

test('modules and rooms import only whom they may', () => {
  expect(
    sourceFiles('src').flatMap((file) => {
      const { targets, lazy } = importsOf(file, readFileSync(join('src', file), 'utf8'))
      return [...targets, ...lazy].flatMap((target) => problem(file, target))
    }),
  ).toEqual([])
})

test('a wrong import is found', () => {
  expect(problem('vm/boot.ts', 'crash/report.ts')).toEqual([
    'vm/boot.ts: vm/ may not import crash/',
  ])
  expect(problem('vm/boot.ts', 'host/process.ts')).toEqual([
    'vm/boot.ts: import host/index.ts, not its inside',
  ])
  expect(problem('lab/run/run.ts', 'kysely/migration')).toEqual([
    'lab/run/run.ts: only store/ may import kysely/migration',
  ])
  expect(problem('lab/boot/boot.ts', 'lab/life/life.ts')).toEqual([
    'lab/boot/boot.ts: life/ is not above boot/',
  ])
  expect(problem('lab/boot/boot.ts', 'lab/utils/x.ts')).toEqual([
    'lab/boot/boot.ts: there is no room utils/ in test/support/rooms.ts',
  ])
  const lazy = importsOf('lab/boot/a.ts', "const b = await import('../life/b.ts')").lazy
  expect(lazy.flatMap((target) => problem('lab/boot/a.ts', target))).toEqual([
    'lab/boot/a.ts: life/ is not above boot/',
  ])
})

test('a module with rooms has nothing but them and its index', () => {
  for (const [module, rooms] of Object.entries(ROOMS)) {
    const names = rooms.map(({ name }) => name)
    expect(readdirSync(join('src', module)).toSorted()).toEqual([...names, 'index.ts'].toSorted())
  }
})

test('there is no circle of imports, types included', () => {
  expect(circles(importGraph('src'))).toEqual([])
})

test('a circle is found', () => {
  const text = "import type { B } from './b.ts'"
  const graph = new Map([
    ['x/a.ts', importsOf('x/a.ts', text).targets],
    ['x/b.ts', importsOf('x/b.ts', "export { A } from './c.ts'").targets],
    ['x/c.ts', ['x/a.ts']],
    ['x/d.ts', ['x/a.ts']],
  ])
  expect(circles(graph)).toEqual([['x/a.ts', 'x/b.ts', 'x/c.ts']])
})

test('docs/architecture.md has the table of modules and rooms', () => {
  expect(readFileSync('docs/architecture.md', 'utf8')).toContain(roomTables())
})

test('only cli prints, exits and reads the environment', () => {
  const found = sourceFiles('src')
    .filter((file) => !file.startsWith('cli/') && !/generate/.test(file))
    .filter((file) => CLI_ONLY.test(withoutComments(file, readFileSync(join('src', file), 'utf8'))))
  expect(found).toEqual([])
})

test('what klab prints goes through the one place that makes it visible', () => {
  expect(
    sourceFiles('src').flatMap((file) =>
      printProblem(file, readFileSync(join('src', file), 'utf8')),
    ),
  ).toEqual([])
  for (const file of Object.keys(PRINTS))
    expect([file, prints(file, readFileSync(join('src', file), 'utf8'))]).toEqual([file, true])
})

test.each([
  'process.stdout.write(title)',
  'const { stderr } = process',
  "const ours = await import('node:process')",
  'console.table(rows)',
  'const print = console.log',
  'writeSync(1, title)',
  "createWriteStream('/dev/stdout')",
  "createWriteStream('', { fd: 2 })",
  'util.debuglog(title)',
  'process.emitWarning(title)',
  'process[name].write(title)',
])('a way past it is found: %s', (code) => {
  expect(printProblem('cli/commands/a.ts', code)).toEqual([
    'cli/commands/a.ts: only cli/render/print.ts prints',
  ])
})

test('what is of one architecture is in the tables', () => {
  expect(
    sourceFiles('src').flatMap((file) =>
      archProblem(file, readFileSync(join('src', file), 'utf8')),
    ),
  ).toEqual([])
})

test('a file that is excused for naming an architecture does name it', () => {
  for (const [file, { words }] of Object.entries(ARCH_BOUND))
    expect([file, archWords(file, readFileSync(join('src', file), 'utf8'))]).toEqual([
      file,
      [...words].toSorted(),
    ])
})

test.each([
  ["const qemu = 'qemu-system-aarch64'", 'qemu-system-'],
  ['const pc = /RIP=([0-9a-f]+)/', 'rip'],
  ['const { rsp } = registers', 'rsp'],
  ['const at = `console=ttyS0 ${speed}`', 'ttys0'],
  ["if (arch === 'x86_64') boot()", 'x86'],
  ["const target = 'bzImage' // an image", 'bzimage'],
  ["const type = needsPci ? 'q35' : auto", 'q35'],
])('what is of one architecture is found outside the tables: %s', (code, word) => {
  expect(archProblem('lab/hang/a.ts', code)).toEqual([
    `lab/hang/a.ts: ${word} belongs into a row of arch.ts`,
  ])
  expect(archProblem('lab/hang/arch.ts', code)).toEqual([])
  expect(archProblem('lab/hang/a.ts', `/* ${code} */`)).toEqual([])
})

test(`no file is longer than ${MAX_FILE} lines`, () => {
  const all = [
    ...sourceFiles('src').map((file) => join('src', file)),
    ...readdirSync('guest').map((file) => join('guest', file)),
  ]
  expect(all.filter((file) => readFileSync(file, 'utf8').split('\n').length > MAX_FILE)).toEqual([])
})

function printProblem(file: string, text: string): string[] {
  return prints(file, text) && !(file in PRINTS) ? [`${file}: only cli/render/print.ts prints`] : []
}

/** What is wrong with an import: both are paths below src, or the target is a package. */
function problem(file: string, target: string): string[] {
  const [module = '', room = ''] = file.split('/')
  if (!target.endsWith('.ts')) {
    const owner = Object.entries(OWNER).find(
      ([name]) => target === name || target.startsWith(`${name}/`),
    )?.[1]
    return owner === undefined || owner === module
      ? []
      : [`${file}: only ${owner}/ may import ${target}`]
  }
  const [other = '', ...inside] = target.split('/')
  if (other !== module) {
    if (!MODULES[module]?.imports.includes(other))
      return [`${file}: ${module}/ may not import ${other}/`]
    return inside.join() === 'index.ts' ? [] : [`${file}: import ${other}/index.ts, not its inside`]
  }
  return roomProblem(file, { module, room, other: inside.length > 1 ? (inside[0] ?? '') : '' })
}

function roomProblem(
  file: string,
  { module, room, other }: { module: string; room: string; other: string },
): string[] {
  const rooms = ROOMS[module]?.map(({ name }) => name)
  // The index of a module sees all of it.
  if (!rooms || room === 'index.ts' || room === other) return []
  for (const name of [room, other])
    if (!rooms.includes(name))
      return [`${file}: there is no room ${name}/ in test/support/rooms.ts`]
  return rooms.indexOf(other) < rooms.indexOf(room)
    ? []
    : [`${file}: ${other}/ is not above ${room}/`]
}

/** The words of one architecture in the code of a file, in lower case. */
function archWords(file: string, text: string): string[] {
  const found = withoutComments(file, text).match(ARCH_WORD) ?? []
  return [...new Set(found.map((word) => word.toLowerCase()))].toSorted()
}

/** Those that do not belong there. */
function archProblem(file: string, text: string): string[] {
  if (basename(file) === 'arch.ts') return []
  const allowed = ARCH_BOUND[file]?.words ?? []
  return archWords(file, text)
    .filter((word) => !allowed.includes(word))
    .map((word) => `${file}: ${word} belongs into a row of arch.ts`)
}
