import type { FoundReport } from '../../crash/index.ts'
import { errnoName, type ExecEnd, type ProtocolError } from '../../guest/index.ts'
import type { VmEnd } from '../../vm/index.ts'
import type { Hang } from './hang.ts'
import { signalName, type Outcome } from './outcome.ts'

/** What ended the wait for a command, whichever came first. */
export type Ending =
  | { readonly kind: 'command'; readonly end: ExecEnd }
  | { readonly kind: 'vm'; readonly end: VmEnd }
  | { readonly kind: 'agent'; readonly error: ProtocolError | undefined }
  | { readonly kind: 'timeout'; readonly limitMs: number; readonly hang?: Hang }
  | { readonly kind: 'silence'; readonly silentMs: number; readonly hang?: Hang }
  /** The user has ended it. */
  | { readonly kind: 'stopped'; readonly signal: number }
  /** What it ran in, which others use as well, has ended so. */
  | { readonly kind: 'over'; readonly outcome: Outcome; readonly reports: readonly FoundReport[] }
  /** A VM that stays was to end, and did. */
  | { readonly kind: 'dismissed' }
  /** The guest has begun anew, and with that the command is gone. */
  | { readonly kind: 'rebooted'; readonly way: keyof typeof REBOOTS }
  /** The same, where that is what was waited for, and it came up again. */
  | { readonly kind: 'up-again' }
  /** It has begun anew, and did not come up. */
  | { readonly kind: 'unbooted'; readonly outcome: Outcome }
  /** A process of this machine on which it hangs does not work any more. */
  | { readonly kind: 'broken'; readonly why: string }
  /** The kernel complained, and nothing after that matters. */
  | { readonly kind: 'report' }

/** What a run's ending means. A kernel's complaint outweighs all else. Pure. */
export function outcomeOf(
  ending: Ending,
  report: FoundReport | undefined,
  command = 'the command',
): Outcome {
  // Whoever stopped the run knows why it ended; a crash on the way is still a crash.
  if (report) return { kind: 'crashed', report }
  switch (ending.kind) {
    case 'command':
      return commandOutcome(ending.end, command)
    case 'timeout':
      return {
        kind: 'timed-out',
        limitMs: ending.limitMs,
        ...(ending.hang && { hang: ending.hang }),
      }
    case 'silence':
      return { kind: 'hung', silentMs: ending.silentMs, ...(ending.hang && { hang: ending.hang }) }
    case 'stopped':
      return { kind: 'signalled', signal: signalName(ending.signal), number: ending.signal }
    case 'rebooted':
      return { kind: 'lost', reason: `${REBOOTS[ending.way]} before the command ended` }
    case 'unbooted':
      return ending.outcome
    case 'up-again':
    case 'dismissed':
      return { kind: 'exited', code: 0 }
    case 'over':
      return endOfSurroundings(ending.outcome)
    case 'agent':
      return {
        kind: 'lost',
        reason: ending.error
          ? `${ending.error.message}; nothing it says can be trusted`
          : 'the guest closed its channel',
      }
    case 'vm':
      return { kind: 'lost', reason: vmReason(ending.end) }
    case 'broken':
      return { kind: 'lost', reason: ending.why }
    case 'report':
      return { kind: 'lost', reason: 'its kernel crashed' }
  }
}

/** A VM that was stopped has lost the command, whatever that says of the VM itself. */
function endOfSurroundings(outcome: Outcome): Outcome {
  if (outcome.kind !== 'exited') return outcome
  return { kind: 'lost', reason: 'the VM was stopped before the command ended' }
}

/** How a command ended, without regard to anything else. */
function commandOutcome(end: ExecEnd, command: string): Outcome {
  switch (end.kind) {
    case 'exited':
      return { kind: 'exited', code: end.code }
    case 'signalled':
      return { kind: 'signalled', signal: signalName(end.signal), number: end.signal }
    case 'lost':
      return { kind: 'lost', reason: 'the guest closed its channel' }
    case 'not-started': {
      const name = errnoName(end.errno)
      const reason = end.step === 'exec' ? EXEC_REASONS[name] : undefined
      return {
        kind: 'not-executed',
        // As a shell: 127 is not found, 126 found and not executable.
        code: name === 'ENOENT' && end.step === 'exec' ? 127 : 126,
        reason: reason ? `${command}: ${reason}` : `cannot start ${command}: ${end.step}: ${name}`,
      }
    }
  }
}

const EXEC_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'command not found in the guest (or what runs it: its interpreter, its loader)',
  EACCES: 'not executable in the guest (permission denied)',
  ENOEXEC: 'not a program for this machine, and has no #! line',
  E2BIG: 'the arguments and environment are larger than the kernel takes',
}

const REBOOTS = {
  reset: 'the guest rebooted',
  kexec: 'the guest started another kernel',
  forced: 'somebody reset its machine',
} as const

const SHUTDOWN_REASONS: Readonly<Record<string, string>> = {
  'guest-reset': 'the guest rebooted itself, which --reboot allows,',
  'guest-shutdown': 'the guest powered itself off',
  'guest-panic': 'the guest panicked',
  'host-signal': 'QEMU was killed',
}

function vmReason({ reason, process, stderr }: VmEnd): string {
  if (reason !== undefined)
    return `${SHUTDOWN_REASONS[reason] ?? `the VM ended (${reason})`} before the command ended`
  // SIGBUS: Linux has no page to put behind an address of a file (mmap(2)).
  const known = process.endsWith('SIGBUS') ? NO_MEMORY_BEHIND : undefined
  const said = known ?? stderr.trim().split('\n').at(-1)
  return `QEMU ended (${process}${said ? `: ${said}` : ''}) before the command ended`
}

const NO_MEMORY_BEHIND =
  'the file system of its template is full, or its template was cut off; klab template prune and klab kernel clean make room'
