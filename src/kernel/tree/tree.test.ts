import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { smallTree } from '../../../test/support/small-tree.ts'
import { runOk } from '../../host/index.ts'
import { treeState } from './fingerprint.ts'
import { treeAt } from './tree.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-tree-'))
afterAll(() => rmSync(dir, { recursive: true }))

async function gitTree(name: string): Promise<string> {
  const tree = smallTree(join(dir, name))
  const git = ['-C', tree, '-c', 'user.name=a', '-c', 'user.email=b']
  await runOk('git', [...git, 'init', '-q'])
  await runOk('git', [...git, 'add', '.'])
  await runOk('git', [...git, 'commit', '-qm', 'all'])
  return tree
}

test('a tree is one of git, or plain', async () => {
  expect(await treeAt(await gitTree('git'))).toMatchObject({ kind: 'git', version: '6.1.0' })
  expect(await treeAt(smallTree(join(dir, 'plain')))).toMatchObject({ kind: 'plain' })
})

test('a plain tree is another one when what kernels are made of has changed', async () => {
  const tree = smallTree(join(dir, 'changing'))
  for (const path of ['arch/arm64/kernel', 'Documentation/mm', 'tools/testing', 'arch/x86/kernel'])
    mkdirSync(join(tree, path), { recursive: true })
  const state = async () =>
    (await treeState(await treeAt(tree), { arch: 'x86_64', cacheDir: join(dir, 'cache') })).treeId
  let before = await state()
  expect(before).toMatch(/^plain-[0-9a-f]{32}$/)
  const write = (file: string) => writeFileSync(join(tree, file), 'something else\n')
  for (const file of [
    'arch/arm64/kernel/new.c',
    'Documentation/mm/index.rst',
    'tools/testing/a.c',
  ]) {
    write(file)
    expect([file, await state()]).toEqual([file, before])
  }
  for (const file of [
    'arch/x86/kernel/new.c',
    'arch/Kconfig',
    'Documentation/Kconfig',
    'init/new.c',
  ]) {
    write(file)
    const after = await state()
    expect([file, after]).not.toEqual([file, before])
    before = after
  }
})

test('what git keeps of a tree without a commit is none of its sources (R19)', async () => {
  const tree = smallTree(join(dir, 'unborn'))
  await runOk('git', ['-C', tree, 'init', '-q'])
  const state = async () =>
    (await treeState(await treeAt(tree), { arch: 'x86_64', cacheDir: join(dir, 'cache') })).treeId
  const before = await state()
  await runOk('git', ['-C', tree, 'add', '.'])
  expect(await state()).toBe(before)
})

// Only root can give a directory away.
test.runIf(process.getuid?.() === 0)(
  'a git tree of somebody else is refused with git’s reason, and never taken for a plain one',
  async () => {
    const tree = await gitTree('theirs')
    for (const path of [tree, join(tree, '.git')]) chownSync(path, 12_345, 12_345)
    await expect(treeAt(tree)).rejects.toThrow(
      `git does not trust ${tree}, which belongs to somebody else; if you do: git config --global --add safe.directory ${tree}`,
    )
  },
)
