import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { modulesKey } from './qemu-facts.ts'

test('a module of QEMU that is installed later is seen', async () => {
  const prefix = mkdtempSync(join(tmpdir(), 'klab-qemu-'))
  const modules = join(prefix, 'lib', 'x86_64-linux-gnu', 'qemu')
  mkdirSync(join(prefix, 'bin'))
  mkdirSync(modules, { recursive: true })
  utimesSync(modules, 1, 1)
  const qemu = join(prefix, 'bin', 'qemu')
  writeFileSync(qemu, '')
  const before = await modulesKey(qemu)
  writeFileSync(join(modules, 'ui-gtk.so'), '')
  expect(await modulesKey(qemu)).not.toBe(before)
  rmSync(prefix, { recursive: true })
})
