import { describe, expect, test } from 'vitest'

import { ReportScanner, type FoundReport } from '../../crash/index.ts'
import { ProtocolError, type ExecEnd } from '../../guest/index.ts'
import type { Hang } from './hang.ts'
import { describeOutcome, exitCodeOf, type Outcome } from './outcome.ts'
import { outcomeOf, type Ending } from './verdict.ts'

const usage = { maxRssKiB: 1, cpuMs: 1 }
const hang: Hang = {
  steps: ['asked it with SysRq'],
  cpus: [
    { cpu: 0, at: 'idle' },
    { cpu: 1, at: 'spin_here+0x1/0x2' },
  ],
  tasks: [],
}
const report = foundReport()

const command = (end: ExecEnd): Ending => ({ kind: 'command', end })
const vm = (reason: string | undefined, stderr = ''): Ending => ({
  kind: 'vm',
  end: { reason, process: 'killed by SIGKILL', stderr },
})
const notStarted = (errno: number, step = 'exec') => command({ kind: 'not-started', errno, step })
const over = (outcome: Outcome): Ending => ({ kind: 'over', outcome, reports: [] })

/** What ended it, what `klab run` exits with, and what it says. */
const ENDINGS: readonly (readonly [Ending, number, string])[] = [
  [command({ kind: 'exited', code: 0, ...usage }), 0, 'exited 0'],
  [command({ kind: 'exited', code: 7, ...usage }), 7, 'exited 7'],
  [command({ kind: 'signalled', signal: 9, ...usage }), 137, 'ended by SIGKILL'],
  [command({ kind: 'signalled', signal: 44, ...usage }), 172, 'ended by signal 44'],
  [command({ kind: 'lost' }), 125, 'lost: the guest closed its channel'],
  [
    notStarted(2),
    127,
    'prog: command not found in the guest (or what runs it: its interpreter, its loader)',
  ],
  [notStarted(13), 126, 'prog: not executable in the guest (permission denied)'],
  [notStarted(8), 126, 'prog: not a program for this machine, and has no #! line'],
  [notStarted(7), 126, 'prog: the arguments and environment are larger than the kernel takes'],
  [notStarted(12), 126, 'cannot start prog: exec: ENOMEM'],
  // No directory is not "command not found".
  [notStarted(2, 'chdir'), 126, 'cannot start prog: chdir: ENOENT'],
  [
    vm('guest-reset'),
    125,
    'lost: the guest rebooted itself, which --reboot allows, before the command ended',
  ],
  [vm('guest-shutdown'), 125, 'lost: the guest powered itself off before the command ended'],
  [vm('guest-panic'), 125, 'lost: the guest panicked before the command ended'],
  [vm('host-signal'), 125, 'lost: QEMU was killed before the command ended'],
  [vm('host-qmp-quit'), 125, 'lost: the VM ended (host-qmp-quit) before the command ended'],
  [vm(undefined), 125, 'lost: QEMU ended (killed by SIGKILL) before the command ended'],
  [
    { kind: 'vm', end: { reason: undefined, process: 'killed by SIGBUS', stderr: '' } },
    125,
    'lost: QEMU ended (killed by SIGBUS: the file system of its template is full, or its template was cut off; klab template prune and klab kernel clean make room) before the command ended',
  ],
  [
    vm(undefined, 'warning\nqemu: it broke\n'),
    125,
    'lost: QEMU ended (killed by SIGKILL: qemu: it broke) before the command ended',
  ],
  [{ kind: 'agent', error: undefined }, 125, 'lost: the guest closed its channel'],
  [
    { kind: 'agent', error: new ProtocolError('a frame of 70000 bytes') },
    125,
    'lost: a frame of 70000 bytes; nothing it says can be trusted',
  ],
  [{ kind: 'timeout', limitMs: 90_000 }, 124, 'timed out after 1m30s'],
  [
    { kind: 'timeout', limitMs: 1_500, hang },
    124,
    'timed out after 1.50s; CPU 1 spin_here+0x1/0x2',
  ],
  [{ kind: 'silence', silentMs: 5_000 }, 124, 'hung: silent for 5.00s'],
  [
    { kind: 'silence', silentMs: 5_000, hang },
    124,
    'hung: silent for 5.00s; CPU 1 spin_here+0x1/0x2',
  ],
  [{ kind: 'stopped', signal: 2 }, 130, 'ended by SIGINT'],
  [{ kind: 'stopped', signal: 15 }, 143, 'ended by SIGTERM'],
  [{ kind: 'dismissed' }, 0, 'exited 0'],
  [{ kind: 'rebooted', way: 'reset' }, 125, 'lost: the guest rebooted before the command ended'],
  [
    { kind: 'rebooted', way: 'kexec' },
    125,
    'lost: the guest started another kernel before the command ended',
  ],
  [
    { kind: 'rebooted', way: 'forced' },
    125,
    'lost: somebody reset its machine before the command ended',
  ],
  [{ kind: 'up-again' }, 0, 'exited 0'],
  [{ kind: 'unbooted', outcome: { kind: 'lost', reason: 'no' } }, 125, 'lost: no'],
  [{ kind: 'broken', why: 'QEMU is stopped' }, 125, 'lost: QEMU is stopped'],
  [{ kind: 'report' }, 125, 'lost: its kernel crashed'],
  // A VM that was stopped did well; the command in it did not come to its end.
  [over({ kind: 'exited', code: 0 }), 125, 'lost: the VM was stopped before the command ended'],
  [over({ kind: 'lost', reason: 'QEMU was killed' }), 125, 'lost: QEMU was killed'],
  [over({ kind: 'crashed', report }), 100, `crashed: ${report.title}`],
  [over({ kind: 'hung', silentMs: 1_000 }), 124, 'hung: silent for 1.00s'],
  [over({ kind: 'signalled', signal: 'SIGTERM', number: 15 }), 143, 'ended by SIGTERM'],
]

const named = ENDINGS.map(([ending, code, line]) => [line, code, ending] as const)

describe('what ends a run is told, and exited with', () => {
  test.each(named)('%s: %i', (line, code, ending) => {
    const outcome = outcomeOf(ending, undefined, 'prog')
    expect([exitCodeOf(outcome), describeOutcome(outcome)]).toEqual([code, line])
  })
})

describe("a kernel's complaint outweighs", () => {
  test.each(named)('%s', (_line, _code, ending) => {
    const outcome = outcomeOf(ending, report, 'prog')
    expect(outcome).toEqual({ kind: 'crashed', report })
    expect(exitCodeOf(outcome)).toBe(100)
  })
})

test('every kind of ending is in the table', () => {
  const kinds: Readonly<Record<Ending['kind'], true>> = {
    ...{ command: true, vm: true, agent: true, timeout: true, silence: true },
    ...{ stopped: true, over: true, dismissed: true, report: true },
    ...{ rebooted: true, 'up-again': true, unbooted: true, broken: true },
  }
  expect([...new Set(ENDINGS.map(([{ kind }]) => kind))].toSorted()).toEqual(
    Object.keys(kinds).toSorted(),
  )
})

test('of what hangs, four are named: who spins, and who waits for what', () => {
  const waiting = [1, 2, 3, 4].map((pid) => ({
    ...{ command: 'cat', pid, state: 'D', awaits: 'a mutex' },
    ...{ function: pid === 1 ? undefined : 'vfs_read' },
  }))
  const outcome: Outcome = {
    ...{ kind: 'boot-failed', phase: 'agent', reason: 'it is silent', lastLines: [] },
    hang: { ...hang, tasks: waiting as Hang['tasks'] },
  }
  expect(describeOutcome(outcome)).toBe(
    'boot failed (agent): it is silent; CPU 1 spin_here+0x1/0x2, cat (1) waits for a mutex in the kernel, cat (2) waits for a mutex in vfs_read, cat (3) waits for a mutex in vfs_read',
  )
  expect(exitCodeOf(outcome)).toBe(125)
})

function foundReport(): FoundReport {
  const found: FoundReport[] = []
  const scanner = new ReportScanner((one) => found.push(one))
  scanner.lines(['Kernel panic - not syncing: sysrq triggered crash'])
  scanner.flush()
  const [first] = found
  if (!first) throw new Error('no report was found')
  return first
}
