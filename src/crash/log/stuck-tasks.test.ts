import { expect, test } from 'vitest'

import { waitingTasks } from './stuck-tasks.ts'

/** What SysRq w prints of one task, with the functions on its stack. */
function blocked(command: string, ...functions: string[]): string[] {
  return [
    `[    5.000000][   T33] task:${command}  state:D stack:0     pid:32    ppid:29     flags:0x00000002`,
    '[    5.000000][   T33] Call Trace:',
    '[    5.000000][   T33]  <TASK>',
    ...['__schedule', 'schedule', ...functions, 'ksys_read', 'do_syscall_64'].map(
      (name) => `[    5.000000][   T33]  ${name}+0x10/0x100`,
    ),
    '[    5.000000][   T33]  </TASK>',
  ]
}

test.each([
  [['rwsem_down_read_slowpath', 'down_read_killable', 'm_start'], 'a lock', 'm_start'],
  [['__mutex_lock.constprop.0', 'mutex_lock', 'foo_open'], 'a lock', 'foo_open'],
  [['io_schedule', 'folio_wait_bit_common', 'filemap_read'], 'I/O', 'filemap_read'],
  [['schedule_timeout', 'wait_for_completion', 'foo_sync'], 'a completion', 'foo_sync'],
  [['schedule_timeout', 'test_wait'], 'a timer', undefined],
  [['lkdtm_HUNG_TASK'], undefined, 'lkdtm_HUNG_TASK'],
])('%j waits for %s', (functions, awaits, name) => {
  const [task] = waitingTasks(blocked('cat', ...functions))
  expect(task).toMatchObject({ command: 'cat', pid: 32, state: 'D', awaits })
  if (name !== undefined) expect(task?.function).toBe(name)
})

test('what the unwinder is not sure of is not blamed', () => {
  const lines = blocked('dd', 'io_schedule', 'folio_wait_bit_common', 'filemap_get_pages')
  const at = lines.findIndex((line) => line.includes('filemap_get_pages'))
  lines.splice(at, 0, '[    5.000000][   T33]  ? filemap_invalidate_unlock_two+0x40/0x40')
  expect(waitingTasks(lines)[0]).toMatchObject({ awaits: 'I/O', function: 'filemap_get_pages' })
})
