import { expect, test } from 'vitest'

import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'

async function hanging(script: string, ...options: string[]) {
  const { code, stdout } = await klab([
    ...['run', '-q', '--json', '--user', 'root', '--tree', testTree(), '--idle-timeout', '4s'],
    ...[...options, '--', 'sh', '-c', script],
  ])
  expect(code).toBe(124)
  const { outcome, consolePath } = JSON.parse(stdout)
  expect(outcome.kind).toBe('hung')
  return { ...outcome.hang, consolePath }
}

const provoke = (what: string) => `echo ${what} > /sys/kernel/debug/provoke-crash/DIRECT`

test('a kernel that spins with interrupts off is found by registers, and panics on an NMI', async () => {
  const script = `(${provoke('HUNG_TASK')}) & sleep 1; ${provoke('HARDLOCKUP')}`
  const { cpus, steps, tasks, consolePath } = await hanging(script, '--cpus', '1')
  expect(cpus).toEqual([
    { cpu: 0, at: expect.stringMatching(/^in lkdtm_HARDLOCKUP\+0x\w+\/0x\w+, interrupts off$/) },
  ])
  expect(steps[1]).toMatch(/^SysRq, by a break on the serial console: .*: no answer$/)
  // What it cannot tell any more is read from its memory.
  expect(steps[2]).toBe('memory: tasks that wait: 1')
  expect(tasks).toEqual([
    expect.objectContaining({ command: 'sh', state: 'D', function: 'lkdtm_HUNG_TASK' }),
  ])
  const log = await klab(['crash', 'parse', '--text', consolePath])
  expect(log.stdout).toContain('kernel panic: NMI: Not continuing')
  expect(log.stdout).toContain('full_proxy_write')
})

test('a task that waits for ever in the kernel is named, with where', async () => {
  const { tasks } = await hanging(provoke('HUNG_TASK'))
  expect(tasks).toContainEqual({
    ...{ command: 'sh', pid: expect.any(Number), state: 'D', function: 'lkdtm_HUNG_TASK' },
  })
})

test('where user space comes to nothing, the kernel is asked by its serial console', async () => {
  const loops = [0, 1].map((cpu) => `chrt -f 99 taskset -c ${cpu} sh -c 'while :; do :; done' &`)
  const { cpus, tasks, steps } = await hanging(
    `(${provoke('HUNG_TASK')}) & sleep 1; echo -1 > /proc/sys/kernel/sched_rt_runtime_us; ${loops.join(' ')} wait`,
  )
  expect(cpus.map(({ at }: { at: string }) => at)).toEqual(['in user space', 'in user space'])
  expect(steps[1]).toMatch(/^SysRq, by a break on the serial console: .* of CPUs$/)
  expect(tasks).toContainEqual(
    expect.objectContaining({ command: 'sh', state: 'D', function: 'lkdtm_HUNG_TASK' }),
  )
})

test('a loop in user space is told from one in the kernel', async () => {
  const { cpus } = await hanging('while :; do :; done')
  expect(cpus.map(({ at }: { at: string }) => at)).toContain('in user space')
})

test('a command that just sleeps shows an idle machine', async () => {
  const { cpus, tasks } = await hanging('sleep 60')
  // A tick may be on its way; the command is nowhere.
  expect(cpus.map(({ at }: { at: string }) => at)).not.toContain('in user space')
  expect(tasks.filter(({ state }: { state: string }) => state === 'D')).toEqual([])
})
