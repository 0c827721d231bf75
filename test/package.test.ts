import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { commandTree } from '../src/cli/command-tree.ts'
import { manPages } from '../src/cli/man/man-page.ts'
import { runOk } from '../src/host/index.ts'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
  readonly man: readonly string[]
}

/** What `npm pack` puts into the package. */
async function packed(): Promise<Set<string>> {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const [{ files = [] } = {}] = JSON.parse(await runOk('npm', args)) as {
    files?: { path: string }[]
  }[]
  return new Set(files.map(({ path }) => path))
}

/** Files and directories of the package that the code reads: packagePath('a', 'b'), and the sources of our C programs. */
function readByCode(): string[] {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join('src', file), 'utf8'))
  return sources.flatMap((text) => [
    ...[...text.matchAll(/packagePath\(('[^)`$]*'|'[^']*')/g)].map(([, args = '']) =>
      args.replaceAll("'", '').split(', ').join('/'),
    ),
    ...[...text.matchAll(/\bsources: '([\w/-]+)'/g)].map(([, dir = '']) => dir),
  ])
}

describe('the package', () => {
  test('has all that klab reads, and what it is started with', async () => {
    const files = await packed()
    const read = readByCode().filter((path) => !/^(?:src|dist)\b/.test(path))
    expect(new Set(read)).toContain('launcher')
    const isThere = (path: string) =>
      files.has(path) || [...files].some((file) => file.startsWith(`${path}/`))
    expect([...read, ...Object.values(manifest.bin)].filter((path) => !isThere(path))).toEqual([])
    for (const dir of ['guest', 'launcher', 'profiles'])
      for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true }))
        if (entry.isFile()) expect(files).toContain(`${entry.parentPath}/${entry.name}`)
  })

  test('brings its manual', async () => {
    const pages = manPages(await commandTree(undefined, () => undefined), manifest.version)
    expect(manifest.man.toSorted()).toEqual(pages.map(({ file }) => `dist/man/${file}`).toSorted())
  })
})
