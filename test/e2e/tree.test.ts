import { once } from 'node:events'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { LAUNCHER, nativeProgram, runOk } from '../../src/host/index.ts'
import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, PROGRAM, startKlab } from '../support/klab.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-tree-'))
const tree = join(dir, 'linux')
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** The state of the user's tree: nothing in it may ever change by our doing. */
async function treeState(): Promise<string> {
  const launcher = await nativeProgram(LAUNCHER, join(TEST_HOME, 'cache'))
  return await runOk(launcher, ['--tree', tree])
}

const git = (...args: string[]) =>
  runOk('git', ['-c', 'user.name=a', '-c', 'user.email=b', ...args], { cwd: tree })

/** Makes four commits of the tree, with the few files that they change alone known to git; the second but last breaks the kernel. Returns that. */
async function bisectable(): Promise<string> {
  await git('init', '-q')
  writeFileSync(join(tree, '.git/info/exclude'), '*\n')
  const commit = async (message: string, path: string, change: (text: string) => string) => {
    const file = join(tree, path)
    writeFileSync(file, change(readFileSync(file, 'utf8')))
    await git('add', '-f', path)
    await git('commit', '-q', '-m', message)
  }
  const unrelated = (text: string) => `${text}\nnothing\n`
  // Of this day: kernels of the same sources would be in the cache from the last time.
  await commit('first', 'fs/proc/version.c', (text) => `${text}/* ${Date.now()} */\n`)
  await commit('unrelated', 'README', unrelated)
  await commit('guilty', 'fs/proc/version.c', (text) =>
    text.replace('return 0;', 'seq_puts(m, "broken\\n");\n\treturn 0;'),
  )
  const guilty = (await git('rev-parse', 'HEAD')).trim()
  await commit('unrelated too', 'README', unrelated)
  return guilty
}

describe('a tree that was configured and built in itself', () => {
  beforeAll(async () => {
    await runOk('cp', ['-a', testTree(), tree])
    await runOk('make', ['-s', '-C', tree, 'allnoconfig'])
    mkdirSync(join(tree, 'include/config'), { recursive: true })
    // Stale products, which make's VPATH would take for the real ones.
    writeFileSync(join(tree, 'init/main.o'), 'stale')
    writeFileSync(join(tree, 'vmlinux'), 'stale')
  })

  test('is built out of tree, by one klab at a time, past a killed one, and gives the same image', async () => {
    const before = await treeState()
    const killed = startKlab(['build', '--tree', tree])
    killed.stderr?.resume()
    let waiting = ''
    await sleep(12_000)
    const second = startKlab(['build', '--json', '--tree', tree])
    second.stderr?.setEncoding('utf8').on('data', (text: string) => (waiting += text))
    let json = ''
    second.stdout?.setEncoding('utf8').on('data', (text: string) => (json += text))
    await sleep(4_000)
    killed.kill('SIGKILL')
    const [code] = await once(second, 'close')
    expect(code).toBe(0)
    expect(waiting).toContain('another klab builds this kernel; waiting for it')
    expect(await treeState()).toBe(before)
    // Another directory, another history, the same sources: the same bytes.
    const original = JSON.parse((await klab(['build', '--json', '--tree', testTree()])).stdout)
    expect(JSON.parse(json).imageSha256).toBe(original.imageSha256)
  }, 900_000)

  test('is bisected by what its sources say, not by the kernel that lies in it', async () => {
    // A good kernel, built here before; booted at every commit it would clear the guilty one.
    const { stdout: id } = await klab(['build', '-q', '--tree', testTree()])
    mkdirSync(join(tree, 'arch/x86/boot'), { recursive: true })
    const kernel = join(TEST_HOME, 'cache/kernels', id.trim())
    copyFileSync(join(kernel, 'image'), join(tree, 'arch/x86/boot/bzImage'))
    copyFileSync(join(kernel, 'config'), join(tree, '.config'))
    const guilty = await bisectable()
    await git('bisect', 'start', 'HEAD', 'HEAD~3')
    const script = '"$0" run --tree . -- sh -c "! grep -q broken /proc/version" 2>&1'
    const said = await runOk('git', ['bisect', 'run', 'sh', '-c', script, PROGRAM], {
      cwd: tree,
      env: { ...process.env, KLAB_HOME: TEST_HOME },
    })
    rmSync(join(tree, '.git'), { recursive: true })
    expect(said).toContain(`${guilty} is the first bad commit`)
    expect(said).toContain('has a .config of its own, and klab builds its profile minimal')
  }, 900_000)

  test('has its own kernel booted when that is named', async () => {
    const result = await klab(['run', '--kernel', tree, '--', 'uname', '-r'])
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('-klab') })
  })

  test('that does not compile is told with file and line, and is exit 125', async () => {
    appendFileSync(join(tree, 'init/main.c'), '\nint broken(void) { return not_there; }\n')
    const result = await klab(['build', '--tree', tree], { timeoutMs: 300_000 })
    expect(result.code).toBe(125)
    expect(result.stderr).toMatch(
      /make bzImage modules failed \(exit status 2\): init\/main\.c:\d+: .not_there. undeclared/,
    )
  }, 320_000)
})
