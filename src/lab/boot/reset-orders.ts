import type { ConsoleReader } from '../../vm/index.ts'

/**
 * How a kernel says that it resets the machine because it was asked to: kernel_restart (kernel/reboot.c), at a level that every console shows. A triple
 * fault, or a register that is written, says nothing.
 */
const RESTART = /\breboot: Restarting system/
/** The same of a reset without any order, which somebody has asked for all the same: sysrq_handle_reboot (drivers/tty/sysrq.c). */
const EMERGENCY = /\bsysrq ?: Resetting/i
/** A complaint of its own, and the reset follows it. */
const PANIC = /Kernel panic - not syncing/

/** Knows by its console whether a kernel was to reset its machine. */
export class ResetOrders {
  readonly reader: ConsoleReader
  #orders = 0

  /** A machine that may reboot may also do so by SysRq. */
  constructor(machine: { readonly reboots: boolean }) {
    const orders = machine.reboots ? [RESTART, PANIC, EMERGENCY] : [RESTART, PANIC]
    this.reader = {
      lines: (lines) => {
        this.#orders += lines.filter((line) => orders.some((order) => order.test(line))).length
      },
    }
  }

  /** Somebody orders it from outside: the agent of a machine that cannot power off resets it. */
  give(): void {
    this.#orders++
  }

  /** Whether a reset that has come was one; what was ordered until then has been done. Asked when the console has told all. */
  take(): boolean {
    const wasOrdered = this.#orders > 0
    this.#orders = 0
    return wasOrdered
  }
}
