import type { NameKind } from '../../lab/index.ts'

/** What the shell adds of its own: it knows files and programs better than we do. */
export type ShellWords = 'none' | 'files' | 'directories' | 'commands'

/** What stands for a placeholder of the help. */
export interface Kind {
  readonly shell?: ShellWords
  readonly names?: NameKind
  /** Follows the name, and then goes the word on. */
  readonly suffix?: string
}

/** The placeholders in the help of all commands (`<vm>`, `--tree <dir>`), and what they stand for. */
const KINDS: Readonly<Record<string, Kind>> = {
  vm: { names: 'vms' },
  name: { names: 'startable' },
  from: { names: 'vms', suffix: ':', shell: 'files' },
  to: { names: 'vms', suffix: ':', shell: 'files' },
  snapshot: { names: 'snapshots' },
  kernel: { names: 'kernels', shell: 'files' },
  'kernel-id': { names: 'builtKernels' },
  profile: { names: 'profiles' },
  machine: { names: 'machines' },
  'run-id': { names: 'runs' },
  crash: { names: 'crashes' },
  'other-crash': { names: 'crashes' },
  template: { names: 'templates' },
  setting: { names: 'settings' },
  account: { names: 'users' },
  'name[=value]': { names: 'variables' },
  file: { shell: 'files' },
  dump: { shell: 'files' },
  backup: { shell: 'files' },
  'gdb arguments': { shell: 'files' },
  dir: { shell: 'directories' },
  '[ro|rw|cow[,cached]:]host[:guest]': { shell: 'directories' },
  command: { shell: 'commands' },
}

/** What a placeholder stands for: kinds of names, and words to choose from. */
export interface Meaning {
  readonly kinds: readonly Kind[]
  readonly words: readonly string[]
}

/** Reads a placeholder: one of the above, or several after a bar, or the words themselves (`auto|kvm|tcg`). */
export function meaningOf(placeholder: string): Meaning {
  const whole = KINDS[placeholder]
  if (whole) return { kinds: [whole], words: [] }
  const parts = placeholder.split('|')
  if (parts.length === 1) return { kinds: [], words: [] }
  return {
    kinds: parts.flatMap((part) => KINDS[part] ?? []),
    words: parts.filter((part) => !KINDS[part]).flatMap((part) => WORD.exec(part)?.[0] ?? []),
  }
}

/** A choice, or how one begins: `bridge=` of `bridge=name`. */
const WORD = /^[\w-]+[=:]?/
