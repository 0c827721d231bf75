import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { isBelieved, kvmObstacle, type KeptProof } from './accelerator.ts'

const MINUTE = 60_000
const timeout: KeptProof = { kvm: false, why: 'too slow', isTimeout: true, at: 0, timeouts: 1 }

test('one slow probe does not mean emulation until the next boot of the host', () => {
  expect(isBelieved(timeout, 9 * MINUTE)).toBe(true)
  expect(isBelieved(timeout, 10 * MINUTE)).toBe(false)
})

test('where KVM never finishes, it is tried less and less often', () => {
  expect(isBelieved({ ...timeout, timeouts: 4 }, 79 * MINUTE)).toBe(true)
  expect(isBelieved({ ...timeout, timeouts: 4 }, 80 * MINUTE)).toBe(false)
})

test('what QEMU and KVM have refused, or done, stays so', () => {
  expect(isBelieved({ ...timeout, isTimeout: false }, 1e15)).toBe(true)
})

test.runIf(process.arch === 'x64')('a /dev/kvm that can be opened now is not missing', () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-kvm-'))
  const device = join(dir, 'kvm')
  expect(kvmObstacle('x86_64', device)).toBe(`this host has no ${device}`)
  writeFileSync(device, '')
  expect(kvmObstacle('x86_64', device)).toBeUndefined()
  rmSync(dir, { recursive: true })
})
