import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

/** What klab has of processes, and what compiles for it. */
const ROLES = [
  ...['klab', 'keeper', 'QEMU', 'launcher', 'virtiofsd', 'switch'],
  ...['make', 'gcc', 'cc1', 'as', 'helper'],
] as const
export type Role = (typeof ROLES)[number]

export interface Running {
  readonly pid: number
  readonly role: Role
}

const BY_NAME: readonly (readonly [pattern: RegExp, role: Role])[] = [
  [/^qemu-system/, 'QEMU'],
  [/^klab-launch/, 'launcher'],
  [/^virtiofsd/, 'virtiofsd'],
  [/^make$/, 'make'],
  [/^(?:x86_64-linux-gnu-)?gcc(?:-\d+)?$/, 'gcc'],
  [/^cc1$/, 'cc1'],
  [/^(?:x86_64-linux-gnu-)?as$/, 'as'],
]

/** What a process is, by its command line; undefined when it has just ended, or is none that can be hit. */
export function roleOf(pid: number): Running | undefined {
  const argv = readText(`/proc/${pid}/cmdline`).split('\0')
  if (argv[0] === '' || argv[0] === undefined) return undefined
  const name = basename(argv[0])
  const role = BY_NAME.find(([pattern]) => pattern.test(name))?.[1]
  if (role) return { pid, role }
  if (argv.includes('keep')) return { pid, role: 'keeper' }
  if (argv.includes('switch')) return { pid, role: 'switch' }
  return { pid, role: /main\.ts|klab\.cjs/.test(argv.join(' ')) ? 'klab' : 'helper' }
}

/** Whether it sleeps, runs, or is stopped, by the kernel's word for it. */
export function stateOf(pid: number): string {
  return /^State:\s*(.*)$/m.exec(readText(`/proc/${pid}/status`))?.[1] ?? '(gone)'
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
