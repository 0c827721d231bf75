import { expect, test } from 'vitest'

import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'
import { TestVms, listed } from '../support/vms.ts'

test('gdb stops a kernel at a symbol before it goes on', async () => {
  const result = await klab([
    ...['debug', 'run', '--tree', testTree(), '--break', 'start_kernel'],
    ...['--', '-batch', '-ex', 'bt 2', '-ex', 'detach'],
  ])
  expect(result.stdout).toMatch(/Breakpoint 1, .*start_kernel/)
  expect(result.stdout).toMatch(/#0 .*start_kernel/)
  expect(result.code).toBe(0)
  expect(await listed('debug')).toBeUndefined()
})

test('gdb looks into a running VM, which goes on afterwards', async () => {
  await using vms = new TestVms()
  const name = await vms.start('gdb')
  const result = await klab(['debug', name, '--', '-batch', '-ex', 'info symbol $pc'])
  expect(result.stdout).toMatch(/in section \.text/)
  expect((await vms.exec(name, ['echo', 'alive'])).stdout).toBe('alive\n')
})
