import { setTimeout as sleep } from 'node:timers/promises'

import { ReportScanner, type FoundReport } from '../../crash/index.ts'
import { errnoName, ProtocolError, type ExecEnd } from '../../guest/index.ts'
import type { ConsoleReader, Vm, VmEnd } from '../../vm/index.ts'
import { AllowRules, type AllowRule } from './allow-rule.ts'
import type { OnEvent } from './events.ts'
import type { Hang } from './hang.ts'
import { signalName, type Outcome } from './outcome.ts'

/** What ended the wait for a command, whichever came first. */
export type Ending =
  | { readonly kind: 'command'; readonly end: ExecEnd }
  | { readonly kind: 'vm'; readonly end: VmEnd }
  | { readonly kind: 'agent'; readonly error: ProtocolError | undefined }
  | { readonly kind: 'timeout'; readonly limitMs: number }
  | { readonly kind: 'silence'; readonly silentMs: number; readonly hang?: Hang }
  | { readonly kind: 'stopped'; readonly signal: number }
  /** The kernel complained, and nothing after that matters. */
  | { readonly kind: 'report' }

/** A report that has ended is told when nothing follows for so long. */
const SETTLED_AFTER_MS = 300

/** From a panic to the reset that follows it. */
const LAST_WORDS_MS = 30

/** Of a flood of reports the first ones tell the story. */
const MAX_REPORTS = 100

/** Reports on the console, sorted into those that count and those that the user allows. */
export class ReportLog {
  readonly #counted: FoundReport[] = []
  readonly #rules: AllowRules
  readonly #all: FoundReport[] = []
  #isOver = false
  readonly #crashed = Promise.withResolvers<void>()
  readonly scanner: ReportScanner
  /** For the console. */
  readonly reader: ConsoleReader

  constructor(rules: readonly AllowRule[], onEvent: OnEvent) {
    this.#rules = new AllowRules(rules)
    this.scanner = new ReportScanner((report) => {
      if (this.#isOver) return
      const allowed = this.#rules.reasonFor(report)
      this.#all.push(report)
      if (allowed === undefined) this.#counted.push(report)
      onEvent({ kind: 'report', report, ...(allowed !== undefined && { allowed }) })
      if (allowed === undefined) this.#crashed.resolve()
    }, MAX_REPORTS)
    let quiet: NodeJS.Timeout | undefined
    this.reader = {
      lines: (lines) => {
        this.scanner.lines(lines)
        clearTimeout(quiet)
        quiet = this.scanner.isOpen
          ? setTimeout(() => this.scanner.settle(), SETTLED_AFTER_MS).unref()
          : undefined
      },
    }
  }

  /** Nothing that comes from now on counts. A report that is open is told if it is `complete`, or in any case (`all`). */
  end(what: 'complete' | 'all'): void {
    if (this.#isOver) return
    if (what === 'all') this.scanner.flush()
    else this.scanner.settle()
    this.#isOver = true
  }

  /** The kernel has panicked and stood still, and goes on to its end: what it says in its last moments belongs to the report, and one that comes to no end is not waited for. */
  async endWithPanic({ console, ended }: Pick<Vm, 'console' | 'ended'>): Promise<void> {
    const isOver = ended.then(() => true)
    do {
      if (await Promise.race([sleep(LAST_WORDS_MS, false, { ref: false }), isOver])) return
    } while (Date.now() - console.lastByteAt < LAST_WORDS_MS / 2)
    // Of a panic in an NMI nothing was printed before.
    if (this.scanner.isPanic) this.end('all')
  }

  /** Resolves when the first report that counts is complete. */
  get crashed(): Promise<void> {
    return this.#crashed.promise
  }

  get all(): readonly FoundReport[] {
    return this.#all
  }

  /** The first that counts: later ones are mostly its consequences. */
  get first(): FoundReport | undefined {
    return this.#counted[0]
  }
}

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
      return { kind: 'timed-out', limitMs: ending.limitMs }
    case 'silence':
      return { kind: 'hung', silentMs: ending.silentMs, ...(ending.hang && { hang: ending.hang }) }
    case 'stopped':
      return { kind: 'signalled', signal: signalName(ending.signal), number: ending.signal }
    case 'agent':
      return {
        kind: 'lost',
        reason: ending.error
          ? `${ending.error.message}; nothing it says can be trusted`
          : 'the guest closed its channel',
      }
    case 'vm':
      return { kind: 'lost', reason: vmReason(ending.end) }
    case 'report':
      return { kind: 'lost', reason: 'its kernel crashed' }
  }
}

/** How a command ended, without regard to anything else. */
export function commandOutcome(end: ExecEnd, command: string): Outcome {
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

const SHUTDOWN_REASONS: Readonly<Record<string, string>> = {
  'guest-reset': 'the guest rebooted itself',
  'guest-shutdown': 'the guest powered itself off',
  'guest-panic': 'the guest panicked',
  'host-signal': 'QEMU was killed',
}

function vmReason({ reason, process, stderr }: VmEnd): string {
  if (reason !== undefined)
    return `${SHUTDOWN_REASONS[reason] ?? `the VM ended (${reason})`} before the command ended`
  const said = stderr.trim().split('\n').at(-1)
  return `QEMU ended (${process}${said ? `: ${said}` : ''}) before the command ended`
}
