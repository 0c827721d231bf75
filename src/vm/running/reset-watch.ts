import type { Qmp, QmpEvent } from './qmp.ts'

/** How a guest began anew: the machine was reset, or a kernel started another one (kexec). */
export type NewBoot =
  /** `reason`: `guest-reset`, `guest-panic`, `host-qmp-system-reset` … (QEMU's ShutdownCause). */
  { readonly kind: 'reset'; readonly reason: string } | { readonly kind: 'kexec' }

/** The id of the agent's port and of what is behind it (argv/channel-args.ts). */
export const AGENT_PORT = 'agent'

/** A kernel that resets its machine closes the port when it stops its devices, and comes to the reset after that: 0.1 s and more when emulated. */
const RESET_FOLLOWS_MS = 1_000

/**
 * Notices when a guest whose agent is up begins anew, from the events of QEMU. A reset is told, and told again before the
 * next agent is up: the firmware of a PC resets once more. A kexec is not, but it closes the port of the agent, and the new
 * agent opens it again; QEMU tells either at most once a second, and the last of them then.
 */
export class ResetWatch {
  readonly #hasSpoken: () => boolean
  readonly #onBoot: (boot: NewBoot) => void
  #isOpen: boolean
  #closing: NodeJS.Timeout | undefined
  /** The boot that is on its way up began with a kexec. */
  #isKexec = false

  constructor(options: {
    /** The agent has opened its port already, as that of a clone has. */
    readonly isOpen: boolean
    /** Whether the agent of this boot has said something: then its port is open, even if that is not told yet. */
    readonly hasSpoken: () => boolean
    readonly onBoot: (boot: NewBoot) => void
  }) {
    this.#isOpen = options.isOpen
    this.#hasSpoken = options.hasSpoken
    this.#onBoot = options.onBoot
  }

  watch(qmp: Qmp): void {
    qmp.on('event', (event) => this.take(event))
    qmp.once('closed', () => clearTimeout(this.#closing))
  }

  take({ event, data }: QmpEvent): void {
    if (event === 'RESET') this.#reset(String(data['reason']))
    if (event === 'VSERPORT_CHANGE' && data['id'] === AGENT_PORT) {
      if (data['open'] === true) this.#opened()
      else this.#closed()
    }
  }

  #reset(reason: string): void {
    const wasUp = this.#isOpen || this.#closing !== undefined || this.#hasSpoken()
    // No firmware is under a kexec: its kernel has come to nothing, and the first one comes again.
    const isNews = wasUp || this.#isKexec
    clearTimeout(this.#closing)
    this.#closing = undefined
    this.#isOpen = false
    this.#isKexec = false
    if (isNews) this.#onBoot({ kind: 'reset', reason })
  }

  #opened(): void {
    // Closed and opened within a second, or closed just now.
    if (this.#isOpen || this.#closing) this.#kexec()
    this.#isOpen = true
    this.#isKexec = false
  }

  #closed(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#closing = setTimeout(() => this.#kexec(), RESET_FOLLOWS_MS)
  }

  #kexec(): void {
    clearTimeout(this.#closing)
    this.#closing = undefined
    this.#isKexec = true
    this.#onBoot({ kind: 'kexec' })
  }
}
