import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { expect, test } from 'vitest'

// Each module and the modules it may import.
const ALLOWED: Record<string, readonly string[]> = {
  base: [],
  host: ['base'],
  kernel: ['base', 'host'],
  guest: ['base', 'host'],
  vm: ['base', 'host'],
  crash: ['base'],
  store: ['base', 'host'],
  lab: ['base', 'host', 'kernel', 'guest', 'vm', 'crash', 'store'],
  cli: ['base', 'lab'],
}

// Packages that only one module may touch.
const OWNER: Record<string, string> = {
  'node:child_process': 'host',
  'node:sqlite': 'store',
  kysely: 'store',
  commander: 'cli',
}

const CLI_ONLY =
  /\b(?:(?<!\.)console\.(?:log|error|warn|info|debug)\(|process\.exit\b|process\.env\b)/

test('modules import only whom they may, by their index', () => {
  expect(violations('src')).toEqual([])
})

test('a wrong import is found', () => {
  expect(problem('vm/boot.ts', '../crash/report.ts')).toEqual([
    'vm/boot.ts: vm/ may not import crash/',
  ])
  expect(problem('vm/boot.ts', '../host/process.ts')).toEqual([
    'vm/boot.ts: import host/index.ts, not its inside',
  ])
  expect(problem('lab/run.ts', 'kysely/migration')).toEqual([
    'lab/run.ts: only store/ may import kysely/migration',
  ])
})

test('only cli prints, exits and reads the environment', () => {
  const found = sources('src')
    .filter((file) => !file.startsWith('cli/') && !/generate/.test(file))
    .filter((file) => CLI_ONLY.test(withoutComments(readFileSync(join('src', file), 'utf8'))))
  expect(found).toEqual([])
})

test('no file is longer than 400 lines', () => {
  const all = [
    ...sources('src').map((file) => join('src', file)),
    ...readdirSync('guest').map((file) => join('guest', file)),
  ]
  expect(all.filter((file) => readFileSync(file, 'utf8').split('\n').length > 400)).toEqual([])
})

function violations(root: string): string[] {
  return sources(root).flatMap((file) =>
    importsOf(join(root, file)).flatMap((target) => problem(file, target)),
  )
}

function sources(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.includes(sep) && file.endsWith('.ts') && !file.endsWith('.test.ts'),
  )
}

function problem(file: string, target: string): string[] {
  const module = file.split(sep)[0] ?? ''
  if (!target.startsWith('.')) {
    const owner = Object.entries(OWNER).find(
      ([name]) => target === name || target.startsWith(`${name}/`),
    )?.[1]
    return owner === undefined || owner === module
      ? []
      : [`${file}: only ${owner}/ may import ${target}`]
  }
  const [other = '', ...inside] = join(dirname(file), target).split(sep)
  if (other === module) return []
  if (!ALLOWED[module]?.includes(other)) return [`${file}: ${module}/ may not import ${other}/`]
  return inside.join() === 'index.ts' ? [] : [`${file}: import ${other}/index.ts, not its inside`]
}

function importsOf(path: string): string[] {
  const code = readFileSync(path, 'utf8')
  return [...code.matchAll(/\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map((m) => m[1] ?? '')
}

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
}
