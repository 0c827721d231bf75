import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { LAUNCHER, nativeProgram, runOk } from '../../src/host/index.ts'
import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, startKlab } from '../support/klab.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-tree-'))
const tree = join(dir, 'linux')
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** The state of the user's tree: nothing in it may ever change by our doing. */
async function treeState(): Promise<string> {
  const launcher = await nativeProgram(LAUNCHER, join(TEST_HOME, 'cache'))
  return await runOk(launcher, ['--tree', tree])
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

  test('that does not compile is told with file and line, and is exit 125', async () => {
    appendFileSync(join(tree, 'init/main.c'), '\nint broken(void) { return not_there; }\n')
    const result = await klab(['build', '--tree', tree], { timeoutMs: 300_000 })
    expect(result.code).toBe(125)
    expect(result.stderr).toMatch(
      /make bzImage modules failed \(exit status 2\): init\/main\.c:\d+: .not_there. undeclared/,
    )
  }, 320_000)
})
