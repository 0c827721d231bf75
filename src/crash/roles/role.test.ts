import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { packagePath } from '../../base/index.ts'
import { roleBeneath, roleOf } from './role.ts'
import { LETTERS, ROLES, type Role } from './rules.ts'

test.each([
  ['kasan_report', 'report'],
  ['__lock_acquire', 'report'],
  ['exc_page_fault', 'trap'],
  ['do_syscall_64', 'entry'],
  ['kfree', 'memory'],
  ['kmem_cache_alloc_lru', 'memory'],
  ['mutex_lock_nested', 'lock'],
  ['rb_erase', 'container'],
  ['kobject_put', 'object'],
  ['queue_work_on', 'later'],
  ['wait_for_completion', 'wait'],
  ['skb_put', 'buffer'],
  ['vfs_write', 'dispatch'],
  // Made by macros, of old kernels, of compilers: by their names.
  ['__asan_report_load8_noabort', 'report'],
  ['perf_trace_lock_acquire', 'report'],
  ['do_invalid_op', 'trap'],
  ['__x86_indirect_thunk_rax', 'trap'],
  ['entry_SYSCALL_64_fastpath', 'entry'],
  // Anybody's.
  ['ext4_mkdir', undefined],
  ['process_srcu', undefined],
  ['remove_wait_queue', undefined],
  ['my_probe', undefined],
])('%s: %s', (name, role) => expect(roleOf(name)).toBe(role))

test('a function that dispatches is told from one that is only in its file', () => {
  expect([roleOf('process_one_work'), roleOf('worker_thread')]).toEqual(['dispatch', 'entry'])
})

test('a module has functions of its own that are called like those of the kernel', () => {
  expect([roleOf('kmem_boom'), roleOf('kmem_boom', 'mine')]).toEqual(['memory', undefined])
  // What headers put into it, and macros make for it.
  expect(roleOf('kzalloc', 'mine')).toBe('memory')
  expect(roleOf('perf_trace_mine_event', 'mine')).toBe('report')
})

test('the table is in the order in which it is searched, and every line of it is found', () => {
  const lines = readFileSync(packagePath('tables', 'roles.txt'), 'latin1').trimEnd().split('\n')
  expect(lines.length).toBeGreaterThan(10_000)
  expect(lines).toEqual(lines.toSorted())
  const letters = Object.entries(LETTERS)
  expect(new Set(Object.values(LETTERS)).size).toBe(Object.keys(ROLES).length)
  for (const line of lines) {
    const [name = '', letter] = line.split('\t')
    const role = letters.find(([, one]) => one === letter?.toLowerCase())?.[0] as Role
    // Of a capital one others have functions too: its caller tells.
    const found = letter === LETTERS[role] ? roleOf(name) : roleBeneath(name, role)
    expect([name, found]).toEqual([name, role])
  }
})
