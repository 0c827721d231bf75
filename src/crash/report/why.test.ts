import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { LogReader, type FoundReport } from '../index.ts'
import { whyOf } from './why.ts'

function reportsOf(log: string | Buffer): FoundReport[] {
  const found: FoundReport[] = []
  const reader = new LogReader((report) => found.push(report))
  reader.push(Buffer.from(log))
  reader.end()
  return found
}

const consoleOf = (name: string) =>
  readFileSync(join(import.meta.dirname, '../../../test/console', name))

test('who was passed over, why, and who is to blame', () => {
  const [report] = reportsOf(consoleOf('kasan'))
  if (!report) throw new Error('no report')
  const why = whyOf(report)
  expect(why?.row).toBe('KASAN: {1} {2} in {F}')
  expect(why?.damage).toBeUndefined()
  expect(why?.considered[0]).toEqual({ name: report.function, reason: 'to blame' })
})

test('a stall is told by the function below the one that calls everybody', () => {
  const log = [
    'watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [a.out:1]',
    'RIP: 0010:spin+0x1/0x2',
    'Call Trace:',
    ' <TASK>',
    ' twice+0x1/0x2',
    ' foo_ioctl+0x1/0x2',
    ' __x64_sys_ioctl+0x1/0x2',
    ' do_syscall_64+0x1/0x2',
    ' </TASK>',
  ]
  const why = whyOf({
    text: log.join('\n'),
    title: 'BUG: soft lockup in sys_ioctl',
  })
  expect(why?.considered.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
    'twice: not the one',
    'foo_ioctl: not the one',
    '__x64_sys_ioctl: to blame',
    'do_syscall_64: where the kernel begins: a system call on its way in, a thread, a softirq',
  ])
})

test('what makes a report damaged', () => {
  const why = whyOf({
    text: 'BUG: KASAN: slab-out-of-bounds in f+0x1/0x2\nRead of size 1 at addr 0\nCall Trace:',
    title: 'KASAN: slab-out-of-bounds Read in f',
  })
  expect(why?.damage).toBe('cut off after the beginning of a trace')
})

test('a text that is no report has no reasons', () => {
  expect(whyOf({ text: 'all is well\n', title: 'WARNING in f' })).toBeUndefined()
})

test('a report is told of, and not the one before it in its text', () => {
  const trace = (name: string) => ['Call Trace:', ` ${name}+0x1/0x2`, ' do_syscall_64+0x1/0x2', '']
  const first = ['BUG: scheduling while atomic: a/1/0x2', ...trace('foo')]
  const second = ['BUG: sleeping function called from invalid context at a.c:1', ...trace('bar')]
  const why = whyOf({
    text: [...first, ...second].join('\n'),
    title: 'BUG: sleeping function called from invalid context in bar',
  })
  expect(why?.considered[0]).toEqual({ name: 'bar', reason: 'to blame' })
})

test('a kernel that is stuck complains of several tasks, and panics: all of them came before the panic', () => {
  const hung = (task: string) => [
    `INFO: task ${task}:1 blocked for more than 143 seconds.`,
    'Call Trace:',
    ' __schedule+0x1/0x2',
    ' foo_wait+0x1/0x2',
    ' foo_ioctl+0x1/0x2',
    ' do_syscall_64+0x1/0x2',
  ]
  const panic = ['Kernel panic - not syncing: hung_task: blocked tasks', ' panic+0x1/0x2']
  const log = (...lines: readonly string[]) => `${lines.join('\n')}\n`
  // The panic is a part of the last.
  const together = reportsOf(log(...hung('a'), ...hung('b'), ...panic))
  expect(together.map(({ panicked }) => panicked)).toEqual([true, true])
  const boot = 'Linux version 6.1.0 (x@y) (gcc) #1 SMP'
  const apart = reportsOf(log(...hung('a'), boot, ...hung('b'), ...panic))
  expect(apart.map(({ panicked }) => panicked)).toEqual([false, true])
})

test('where the first line of a kernel is cut by chunks changes nothing', () => {
  const hung = ['INFO: task a:1 blocked for more than 143 seconds.', 'Call Trace:', ' foo+0x1/0x2']
  const rest = [
    'Linux version 6.1.0 (x@y) (gcc) #1 SMP',
    'Kernel panic - not syncing: VFS: no root',
  ]
  const log = Buffer.from(`${[...hung, ...rest].join('\n')}\n`)
  for (let cut = 0; cut <= log.length; cut++) {
    const found: FoundReport[] = []
    const reader = new LogReader((report) => found.push(report))
    reader.push(log.subarray(0, cut))
    reader.push(log.subarray(cut))
    reader.end()
    expect(found.map(({ panicked }) => panicked)).toEqual([false, true])
  }
})

test('complaints of one caller that show no trace are told one by one', () => {
  const lines = Array.from({ length: 12 }, (_, n) => `BUG: Bad rss-counter state mm:1 type:T${n}`)
  const log = lines.map((line, n) => `[    1.00000${n % 10}][  T100] ${line}`).join('\n')
  expect(reportsOf(log)).toHaveLength(12)
})
