/** How bad a bug is: memory that others may write; what ends the kernel or a task; what is wrong and goes on. */
export type Severity = 'critical' | 'high' | 'medium' | 'low'

const SEVERITIES: readonly (readonly [RegExp, Severity])[] = [
  // Memory is written, freed or used after it was freed: in the worst case somebody else decides what the kernel does.
  [
    /^(?:KASAN|KFENCE): .*(?:[Ww]rite|invalid-free|invalid free|double-free|use-after-free|memory corruption)|^KMSAN: use-after-free|^BUG: corrupted list|^WARNING: refcount bug|^BUG: bad usercopy|^BUG: (?:[\w ]+ overwritten|Object (?:already free|corrupt)|Free(?:pointer|chain) corrupt|slab )|^kernel stack (?:overflow|corruption)/,
    'critical',
  ],
  [/null-ptr-deref|NULL pointer dereference/, 'medium'],
  [/infoleak/, 'high'],
  // The first is a refused access, the others end the kernel.
  [
    /^(?:KASAN|KFENCE|KMSAN): |^BUG: unable to handle|^general protection fault|^PANIC: |^kernel panic|^kernel BUG|^UBSAN: array-index|^stack segment fault|^Internal error|^Unhandled fault|^BUG: Bad /i,
    'high',
  ],
  [
    /^divide error|^possible deadlock|^inconsistent lock state|^BUG: |^INFO: (?:rcu detected|task )|^unexpected kernel reboot|^int3|^invalid opcode/,
    'medium',
  ],
]

/** How bad a bug is, as far as its title tells. */
export function severityOf(title: string): Severity {
  return SEVERITIES.find(([match]) => match.test(title))?.[1] ?? 'low'
}
