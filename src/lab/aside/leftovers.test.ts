import { spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'

import { removeLeftovers } from './leftovers.ts'
import { temporaryIn } from './temporary.ts'

const root = mkdtempSync(join(tmpdir(), 'klab-aside-'))
const paths = { cache: join(root, 'cache'), state: join(root, 'state') }
const entries = () => readdirSync(join(paths.state, 'leftovers'))
afterAll(() => rmSync(root, { recursive: true }))

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(root, 'dir-'))
})

/** A klab that is killed with a name in the directory: returns that. */
function killed(): string {
  const script = `
    const { temporaryIn } = await import(${JSON.stringify(join(import.meta.dirname, 'temporary.ts'))})
    const { name } = await temporaryIn(${JSON.stringify(paths)}, ${JSON.stringify(dir)})
    console.log(name)
    process.kill(process.pid, 'SIGKILL')`
  const args = ['--input-type=module', '-e', script]
  return spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout.trim()
}

test('what was not moved into its place goes, and what was stays', async () => {
  {
    await using temporary = await temporaryIn(paths, dir)
    writeFileSync(temporary.path('.packed'), '')
    mkdirSync(temporary.path(''))
    writeFileSync(join(temporary.path(''), 'file'), '')
    renameSync(join(temporary.path(''), 'file'), join(dir, 'moved'))
    expect(entries()).toHaveLength(1)
  }
  expect([readdirSync(dir), entries()]).toEqual([['moved'], []])
})

test('what a killed klab has left goes, and nothing of those that live, of others, and behind links', async () => {
  const name = killed()
  await using living = await temporaryIn(paths, dir)
  const outside = mkdtempSync(join(root, 'outside-'))
  writeFileSync(join(outside, 'mine'), '')
  for (const file of [`${name}.packed`, `${living.name}.packed`, '.klab-', 'other'])
    writeFileSync(join(dir, file), '')
  mkdirSync(join(dir, name), { mode: 0 })
  symlinkSync(outside, join(dir, `${name}.link`))
  // Only root can give a file away.
  const isRoot = process.geteuid?.() === 0
  const others = isRoot ? [`${name}.others`] : []
  for (const file of others) {
    writeFileSync(join(dir, file), '')
    chownSync(join(dir, file), 1, 1)
  }
  await removeLeftovers(paths)
  expect(readdirSync(dir).toSorted()).toEqual(
    ['.klab-', `${living.name}.packed`, 'other', ...others].toSorted(),
  )
  expect(readdirSync(outside)).toEqual(['mine'])
  expect(entries()).toEqual([`${living.name.slice('.klab-'.length)}.json`])
})

test('a directory that another lies in place of is not entered', async () => {
  const name = killed()
  const other = mkdtempSync(join(root, 'other-'))
  writeFileSync(join(other, name), '')
  rmSync(dir, { recursive: true })
  symlinkSync(other, dir)
  await removeLeftovers(paths)
  expect(existsSync(join(other, name))).toBe(true)
  expect(entries()).toEqual([])
})

test('an entry that says something else removes nothing', async () => {
  const dead = { pid: 2 ** 22, startTicks: '1', bootId: 'x' }
  const write = (file: string, value: unknown) =>
    writeFileSync(join(paths.state, 'leftovers', file), JSON.stringify(value))
  write('prefix.json', { directory: dir, name: '', owner: dead })
  write('path.json', { directory: dir, name: '.klab-../../x', owner: dead })
  writeFileSync(join(dir, 'file'), '')
  await removeLeftovers(paths)
  expect(readdirSync(dir)).toEqual(['file'])
})
