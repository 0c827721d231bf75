import { field, formatDuration, shellWord, shown, type Showable } from '../../base/index.ts'
import { describeOutcome, type LabEvent, type PublishedPort } from '../../lab/index.ts'
import { MANY } from './few.ts'
import { err } from './print.ts'
import { CLEARED, overwriting } from './progress.ts'

export interface StatusOptions {
  readonly quiet: boolean
  readonly verbose: boolean
  /** Print QEMU's command line. */
  readonly showQemu?: boolean
}

const BUILD_STEPS = {
  copy: 'copying the sources (the tree was built in place)',
  configure: 'configuring',
  compile: 'compiling',
  collect: 'collecting the kernel',
} as const

/** How often a build without a terminal says how far it is. */
const PLAIN_EVERY_MS = 10_000

/** Events for people, on stderr: a line that is overwritten on a terminal, plain lines elsewhere. */
export class Status {
  readonly #options: StatusOptions
  readonly #isTerminal = err.isTerminal
  /** How many lines of a kind a guest, or what runs in it, has caused. */
  readonly #caused = { note: 0, report: 0 }
  #hasTransient = false
  #buildStartedAt = 0
  #lastPlainAt = 0
  #isCommandRunning = false

  constructor(options: StatusOptions) {
    this.#options = options
  }

  handle(event: LabEvent): void {
    switch (event.kind) {
      case 'note':
        this.#oneOfMany('note', event.message)
        return
      case 'waiting':
        this.line(event.why)
        return
      case 'build':
        this.#build(event.build)
        return
      case 'kernel':
        if (this.#options.verbose) this.line(`kernel ${event.origin}`)
        return
      case 'accelerator':
        if (event.accel === 'tcg') this.line(`emulating (slow): ${event.why}`)
        else if (this.#options.verbose) this.line(`KVM: ${event.why}`)
        return
      case 'run':
        if (this.#options.verbose) this.line(`run ${event.id}, files in ${event.dir}`)
        this.#transient('booting …')
        return
      case 'template':
        this.#template(event)
        return
      case 'reboot':
        this.line(
          event.way === 'reset' ? 'the guest rebooted' : 'the guest started another kernel (kexec)',
        )
        return
      case 'published':
        this.line(describePort(event))
        return
      case 'qemu':
        if (this.#options.showQemu)
          this.line(field(event.argv.map(shellWord).join(' '), Number.POSITIVE_INFINITY))
        return
      case 'phase':
        this.#phase(event.phase, event.ms)
        return
      case 'report':
        this.#oneOfMany(
          'report',
          `kernel report${event.allowed === undefined ? '' : ` (allowed: ${event.allowed})`}: ${event.report.title}`,
        )
        return
      case 'outcome':
        this.#isCommandRunning = false
        this.line(`${describeOutcome(event.outcome)} (${formatDuration(event.durationMs)})`)
        if (event.outcome.kind === 'boot-failed') {
          for (const text of event.outcome.lastLines) this.line(`  | ${text}`)
        }
    }
  }

  /** A line that stays. */
  line(text: Showable): void {
    if (this.#options.quiet) return
    this.clear()
    // In a raw terminal a line feed alone would leave the cursor where it is.
    err.part(this.#isTerminal ? shown`klab: ${text}\r\n` : shown`klab: ${text}\n`)
  }

  /** A line that the next one overwrites, on a terminal. */
  progress(text: string): void {
    this.#transient(text)
  }

  /** Takes the transient line away: the terminal belongs to somebody else now. */
  clear(): void {
    if (!this.#hasTransient) return
    err.part(CLEARED)
    this.#hasTransient = false
  }

  #transient(text: string): void {
    if (this.#options.quiet || !this.#isTerminal || this.#isCommandRunning) return
    err.part(overwriting(text))
    this.#hasTransient = true
  }

  #oneOfMany(kind: 'note' | 'report', text: string): void {
    const count = ++this.#caused[kind]
    if (count <= MANY) this.line(text)
    else if (count === MANY + 1) this.line(`further ${kind}s are not shown`)
  }

  #template({ action, key, why }: Extract<LabEvent, { kind: 'template' }>): void {
    if (action === 'discarded') this.line(`template ${key} discarded: ${why}`)
    else if (action === 'impossible') this.line(`booting, not cloning a template: ${why}`)
    else if (this.#options.verbose) this.line(`template ${key} made`)
  }

  #phase(phase: string, ms: number): void {
    if (this.#options.verbose) this.line(`${phase} after ${formatDuration(ms)}`)
    else this.#transient(`booting: ${phase} …`)
    if (phase !== 'command') return
    this.clear()
    this.#isCommandRunning = true
  }

  #build(event: Extract<LabEvent, { kind: 'build' }>['build']): void {
    switch (event.kind) {
      case 'waiting':
        this.line(`another klab builds this kernel; waiting for it (${event.dir})`)
        return
      case 'step':
        this.#buildStartedAt = Date.now()
        this.#lastPlainAt = Date.now()
        if (this.#isTerminal) this.#transient(`${BUILD_STEPS[event.name]} …`)
        else this.line(BUILD_STEPS[event.name])
        return
      case 'progress':
        this.#progress(event.progress.done, event.progress.total, event.progress.current)
    }
  }

  #progress(done: number, total: number | undefined, current: string): void {
    const elapsed = Date.now() - this.#buildStartedAt
    const fraction = total === undefined ? undefined : Math.min(1, done / total)
    const left =
      fraction && elapsed > 2000 ? `, ${formatDuration(elapsed / fraction - elapsed)} left` : ''
    const counts = total === undefined ? `${done} steps` : `${done}/${total}${left}`
    if (this.#isTerminal) {
      const bar =
        fraction === undefined ? '' : `[${'#'.repeat(Math.round(fraction * 24)).padEnd(24, '.')}] `
      this.#transient(`compiling ${bar}${counts} ${current}`)
    } else if (Date.now() - this.#lastPlainAt >= PLAIN_EVERY_MS) {
      this.#lastPlainAt = Date.now()
      this.line(`compiling ${counts}`)
    }
  }
}

/** Where a port of the guest is. */
export function describePort({ protocol, address, hostPort, guestPort }: PublishedPort): string {
  return `${protocol} ${address}:${hostPort} is port ${guestPort} of the guest`
}
