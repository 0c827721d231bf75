import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { run } from '../host/index.ts'
import { initramfs } from './initramfs.ts'

test('cpio(1) reads what we write', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-cpio-'))
  const module = { path: 'kernel/drivers/x.ko', data: Buffer.from('module bytes') }
  writeFileSync(join(dir, 'a.cpio'), initramfs(Buffer.from('agent'), [module]))
  const { exit, stderr } = await run(
    'sh',
    ['-c', 'cpio --quiet -id < a.cpio && cat init klab/modules klab/kernel/drivers/x.ko > all'],
    { cwd: dir },
  )
  expect({ exit, stderr }).toEqual({ exit: { kind: 'exited', code: 0 }, stderr: expect.anything() })
  expect(readFileSync(join(dir, 'all'), 'utf8')).toBe(
    'agent/klab/kernel/drivers/x.ko\nmodule bytes',
  )
  rmSync(dir, { recursive: true })
})

test('the same input gives the same bytes', () => {
  expect(initramfs(Buffer.from('a'), [])).toEqual(initramfs(Buffer.from('a'), []))
})
