import { expect, test } from 'vitest'

import { klab } from '../support/klab.ts'
import { testTree } from '../support/kernels.ts'
import { listed, TestVms } from '../support/vms.ts'

const AT_ONCE = '/sys/kernel/debug/provoke-crash/DIRECT'

test('a time-out tells where the guest is', async () => {
  // A task that waits for a lock that nobody gives back: in the kernel, and deaf to signals.
  const script = `echo SPINLOCKUP > ${AT_ONCE} & sleep 0.2; echo SPINLOCKUP > ${AT_ONCE}`
  const args = ['run', '--timeout', '2s', '--user', 'root', '--tree', testTree()]
  const { code, stderr } = await klab([...args, '--', 'sh', '-c', script])
  expect(code).toBe(124)
  expect(stderr).toMatch(/timed out after 2.00s; CPU \d in .*(?:lkdtm_SPINLOCKUP|spin_lock)/)
})

test('a VM that stays has the limits that it was given', async () => {
  await using vms = new TestVms()
  const [short, quiet] = await Promise.all([
    vms.start('short', '--timeout', '3s'),
    vms.start('quiet', '--idle-timeout', '3s'),
  ])
  expect(await klab(['wait', short])).toMatchObject({
    ...{ code: 124, stdout: expect.stringMatching(/^timed out after 3.00s/) },
  })
  expect(await klab(['wait', quiet])).toMatchObject({
    ...{ code: 124, stdout: expect.stringMatching(/^hung: silent for/) },
  })
  expect(await listed(short)).toMatchObject({ state: 'stopped', outcome: { kind: 'timed-out' } })
})

test('a command in a VM that does nothing is not waited for without end', async () => {
  await using vms = new TestVms()
  const name = await vms.start('still')
  await klab(['pause', name])
  for (const command of [
    ['exec', name, '--', 'true'],
    ['cp', '/etc/hostname', `${name}:/tmp/`],
  ])
    expect(await klab(command)).toMatchObject({
      code: 125,
      stderr: expect.stringMatching(/is paused, .*; klab resume/),
    })
  await klab(['resume', name])
  expect((await vms.exec(name, ['true'])).code).toBe(0)
  // It goes on, and answers nobody any more.
  const lockup = `for cpu in 0 1; do echo HARDLOCKUP > ${AT_ONCE} & done; sleep 60`
  void klab(['exec', '--user', 'root', name, '--', 'sh', '-c', lockup], { timeoutMs: 4_000 })
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  const deaf = await vms.exec(name, ['true'])
  expect(deaf).toMatchObject({ code: 125, stderr: expect.stringMatching(/does not answer/) })
  expect((await klab(['stop', '--force', name])).code).toBe(0)
})

test('a command in a VM is judged as one of klab run', async () => {
  await using vms = new TestVms()
  const name = await vms.start('judged')
  const root = ['exec', '--user', 'root', name, '--']
  const warned = await klab([...root, 'sh', '-c', `echo WARNING > ${AT_ONCE}; exit 0`])
  expect(warned).toMatchObject({
    code: 100,
    stderr: expect.stringMatching(/crashed: WARNING in lkdtm_WARNING/),
  })
  expect((await klab([...root, 'true'])).code).toBe(0)
  expect((await klab([...root, 'sh', '-c', 'kill -9 $$'])).code).toBe(137)
  expect((await klab(['exec', '--timeout', '500ms', name, '--', 'sleep', '60'])).code).toBe(124)
  const panicked = await klab([...root, 'sh', '-c', `echo PANIC > ${AT_ONCE}`])
  expect(panicked).toMatchObject({ code: 100, stderr: expect.stringMatching(/crashed: .*panic/) })
})
