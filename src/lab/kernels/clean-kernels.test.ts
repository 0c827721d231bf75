import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { testLab } from '../../../test/support/request.ts'
import { lockFile } from '../../host/index.ts'
import { cleanKernels } from './clean-kernels.ts'

const home = mkdtempSync(join(tmpdir(), 'klab-clean-'))
afterAll(() => rmSync(home, { recursive: true }))

// Those who build hold the one; compilers that have outlived them the other.
test.each(['lock', 'writers'])(
  'a build directory whose %s is held is left alone, and removed afterwards (R18)',
  async (name) => {
    const lab = await testLab(home)
    const dir = join(lab.paths.cache, 'builds', `of-${name}`)
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'object.o'), 'x'.repeat(10_000))
    const clean = async () => await cleanKernels(lab, { limitBytes: 0, inUse: [] })
    const held = await lockFile(join(dir, name), { cacheDir: lab.paths.cache })
    expect((await clean()).removed).toEqual([])
    expect(existsSync(join(dir, 'object.o'))).toBe(true)
    await held[Symbol.asyncDispose]()
    expect((await clean()).removed).toMatchObject([{ what: `build directory of-${name}` }])
    expect(existsSync(dir)).toBe(false)
  },
)
