/** What kind of bug a title tells of, in the words of syzbot, by which its bugs are ranked. The first that matches. */
const KINDS = [
  [/^KASAN: (?:slab-)?use-after-free Read/, 'KASAN-USE-AFTER-FREE-READ'],
  [/^KASAN: (?:slab-)?use-after-free Write/, 'KASAN-USE-AFTER-FREE-WRITE'],
  [/^KASAN: null-ptr-deref Read/, 'KASAN-NULL-POINTER-DEREFERENCE-READ'],
  [/^KASAN: null-ptr-deref Write/, 'KASAN-NULL-POINTER-DEREFERENCE-WRITE'],
  [/^KASAN: .*Read/, 'KASAN-READ'],
  [/^KASAN: .*Write/, 'KASAN-WRITE'],
  [/^KASAN: invalid-free/, 'KASAN-INVALID-FREE'],
  [/^KASAN: /, 'KASAN-READ'],
  [/^KFENCE: use-after-free read/, 'KFENCE-USE-AFTER-FREE-READ'],
  [/^KFENCE: use-after-free write/, 'KFENCE-USE-AFTER-FREE-WRITE'],
  [/^KFENCE: .* read/, 'KFENCE-READ'],
  [/^KFENCE: .* write/, 'KFENCE-WRITE'],
  [/^KFENCE: invalid free/, 'KFENCE-INVALID-FREE'],
  [/^KFENCE: memory corruption/, 'KFENCE-MEMORY-CORRUPTION'],
  [/^KMSAN: uninit-value/, 'KMSAN-UNINIT-VALUE'],
  [/^KMSAN: .*infoleak/, 'KMSAN-INFO-LEAK'],
  [/^KMSAN: use-after-free/, 'KMSAN-USE-AFTER-FREE-READ'],
  [/^KMSAN: /, 'KMSAN-UNINIT-VALUE'],
  [/^KCSAN: assert/, 'KCSAN-ASSERT'],
  [/^KCSAN: /, 'KCSAN-DATARACE'],
  [/^UBSAN: array-index-out-of-bounds/, 'MEMORY_SAFETY_UBSAN'],
  [/^UBSAN: /, 'UBSAN'],
  [/^memory leak/, 'LEAK'],
  [/^WARNING: refcount bug/, 'REFCOUNT_WARNING'],
  [/^BUG: unable to handle kernel NULL pointer dereference/, 'NULL-POINTER-DEREFERENCE'],
  [/^BUG: (?:unable to handle kernel|corrupted list)/, 'MEMORY_SAFETY_BUG'],
  [
    /^BUG: (?:sleeping function called|scheduling while atomic|scheduling in a non-blocking|assuming )/,
    'ATOMIC_SLEEP',
  ],
  [/^BUG: (?:soft|hard) lockup|^INFO: rcu detected stall|^INFO: task /, 'HANG'],
  [
    /^possible deadlock|^inconsistent lock state|^WARNING: (?:suspicious RCU usage in|bad unlock balance|held lock freed|locking bug|still has locks held|nested lock|chain_key|bad contention|lock held)/,
    'LOCKDEP',
  ],
  [
    /^BUG: (?:spinlock|rwlock|held lock freed|still has locks held|bad unlock balance|bad contention|key has not|using )/,
    'LOCKDEP',
  ],
  [/^(?:SYZFAIL|SYZFATAL)/, 'SYZ_FAILURE'],
  [
    /^unregister_netdevice: |^go runtime error|^kernel panic: |^general protection fault|^divide error|^PANIC: |^stack segment fault|^invalid opcode|^int3|^Internal error|^Unhandled fault|^Alignment trap|^trusty: |^VFS: |^BUG: Object/,
    'DoS',
  ],
  [/^kernel BUG|^BUG: bad usercopy/, 'BUG'],
  [/^WARNING: kernel stack/, undefined],
  [/^WARNING/, 'WARNING'],
  [/^unexpected kernel reboot/, 'REBOOT'],
] as const satisfies readonly (readonly [RegExp, string | undefined])[]

export type BugKind = Exclude<(typeof KINDS)[number][1], undefined>

/** What kind of bug a title tells of; undefined for those that nobody has ranked. */
export function kindOf(title: string): BugKind | undefined {
  return KINDS.find(([match]) => match.test(title))?.[1]
}
