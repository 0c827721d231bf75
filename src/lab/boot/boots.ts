import { setTimeout as sleep } from 'node:timers/promises'

import { messageOf } from '../../base/index.ts'
import { Agent, AgentLost, type ProtocolError } from '../../guest/index.ts'
import type { Reset, Vm } from '../../vm/index.ts'
import { bootFailed } from '../outcome/boot-outcome.ts'
import type { Ending } from '../outcome/verdict.ts'
import { ResetOrders } from './reset-orders.ts'

/** A channel that closes by itself belongs to a QEMU that is about to be gone, which says more. */
const GONE_WITHIN_MS = 2_000

/** QEMU tells of a reset by another way than the console, whose last lines take this long. */
const LAST_LINES_MS = 100

/** What QEMU gives as the reason of a reset (QAPI ShutdownCause) that was the guest's own. */
const GUEST_RESET = 'guest-reset'

/** One boot of a guest, from its beginning. */
interface Boot {
  readonly number: number
  /** Settles when the guest has begun anew after it. */
  readonly over: PromiseWithResolvers<Reset['kind']>
  /** Absent until its channel is there. */
  agent?: Agent
  isUp: boolean
  /** With its agent, when its root and shares are mounted. */
  entered: Promise<Agent>
}

/** Makes the guest of a boot this run's own; `over` rejects when that boot is not the present one any more. */
export type Enter = (
  agent: Agent,
  boot: { readonly isFirst: boolean; readonly over: Promise<never> },
) => Promise<void>

/** Who is told of the boots of a VM. */
export interface BootsHooks {
  readonly enter: Enter
  readonly onReboot: (way: Reset['kind']) => void
  /** The machine was reset while its guest was up, and that was nobody's order. */
  readonly onCrash: () => void
}

/** The boots of one VM, the last of which is the present one: a guest that reboots has another agent in each. */
export class Boots {
  readonly #vm: Vm
  readonly #hooks: BootsHooks
  readonly #orders: ResetOrders
  readonly #lost = Promise.withResolvers<Ending>()
  #boot: Boot
  /** How the present boot has begun; the first one's is of no interest. */
  #way: Reset['kind'] = 'reset'
  #wasForced = false

  constructor(vm: Vm, hooks: BootsHooks) {
    this.#vm = vm
    this.#hooks = hooks
    this.#orders = new ResetOrders(vm.machine)
    vm.console.addReader(this.#orders.reader)
    // One that ends on its way up has not booted, which says more.
    void vm.ended.then(({ reason }) => {
      if (this.isUp && reason === GUEST_RESET) this.#judge()
    })
    this.#boot = this.#start(1, Promise.resolve(new Agent(vm.agentSocket)))
  }

  /** Of the present boot, counted from 1. */
  get number(): number {
    return this.#boot.number
  }

  /** The present agent; undefined while the guest is between two. */
  get agent(): Agent | undefined {
    return this.#boot.agent
  }

  get isUp(): boolean {
    return this.#boot.isUp
  }

  /** Settles when the guest can be used no more, though QEMU may still run: it broke the protocol, or did not come up again. */
  get lost(): Promise<Ending> {
    return this.#lost.promise
  }

  /** Settles with how the guest began anew after a boot. */
  after(number: number): Promise<Reset['kind']> {
    return number < this.number ? Promise.resolve(this.#way) : this.#boot.over.promise
  }

  /** The present boot began with a reset that was not the guest's own: QEMU was told to. */
  get wasForced(): boolean {
    return this.#wasForced
  }

  /** The agent of the present boot, when it is up: that of the next one if the guest reboots meanwhile. Throws what a boot throws. */
  async untilUp(): Promise<Agent> {
    for (;;) {
      const boot = this.#boot
      const agent = await Promise.race([boot.entered, boot.over.promise]).catch(
        (error: unknown) => {
          if (boot === this.#boot) throw error
        },
      )
      if (boot === this.#boot && agent instanceof Agent) return agent
    }
  }

  /** Resolves when the present agent has answered. Throws when there is none any more. */
  async ping(): Promise<void> {
    const agent = await this.untilUp()
    const gone = agent.closed.then(() => {
      throw new AgentLost(undefined, 'the guest has begun anew, or is gone')
    })
    await Promise.race([agent.ping(), gone])
  }

  /** The guest has begun anew. */
  begin(reset: Reset): void {
    const { kind, agentSocket } = reset
    const before = this.#boot
    this.#way = kind
    this.#wasForced = kind === 'reset' && reset.reason !== GUEST_RESET
    const agent = agentSocket.then(
      (socket) => new Agent(socket),
      (error: unknown) => {
        throw this.#vm.failureBecause(messageOf(error))
      },
    )
    this.#boot = this.#start(before.number + 1, agent)
    this.#hooks.onReboot(kind)
    // Whoever waits for the end of a boot finds what is to be said of it.
    void this.#judged(reset).then(() => before.over.resolve(kind))
  }

  /** Lets the guest write back and power off, if there is one. */
  powerOff(): void {
    this.#orders.give()
    this.agent?.powerOff()
  }

  async #judged(reset: Reset): Promise<void> {
    if (reset.kind === 'kexec' || this.#wasForced) return
    await sleep(LAST_LINES_MS)
    this.#judge()
  }

  #judge(): void {
    if (!this.#orders.take()) this.#hooks.onCrash()
  }

  #start(number: number, agent: Promise<Agent>): Boot {
    const over = Promise.withResolvers<Reset['kind']>()
    const entered = Promise.withResolvers<Agent>()
    const boot: Boot = { number, over, isUp: false, entered: entered.promise }
    entered.promise.catch((error: unknown) => this.#failed(boot, error))
    entered.resolve(this.#bringIn(boot, agent))
    return boot
  }

  async #bringIn(boot: Boot, coming: Promise<Agent>): Promise<Agent> {
    const agent = await coming
    boot.agent = agent
    void agent.closed.then((error) => this.#closed(boot, error))
    // Not as an agent that is lost: nobody shall wait for its VM's end (boot-reach.ts).
    const over = boot.over.promise.then((): never => {
      throw new Error('the guest has begun anew')
    })
    over.catch(() => undefined)
    await this.#hooks.enter(agent, { isFirst: boot.number === 1, over })
    boot.isUp = true
    return agent
  }

  #failed(boot: Boot, error: unknown): void {
    if (boot !== this.#boot) return
    const outcome = bootFailed(error) ?? { kind: 'lost', reason: messageOf(error) }
    this.#lost.resolve({ kind: 'unbooted', outcome })
  }

  async #closed(boot: Boot, error: ProtocolError | undefined): Promise<void> {
    if (!error) await sleep(GONE_WITHIN_MS, undefined, { ref: false })
    // The channel of a boot that is over has closed as it should.
    if (boot === this.#boot) this.#lost.resolve({ kind: 'agent', error })
  }
}
