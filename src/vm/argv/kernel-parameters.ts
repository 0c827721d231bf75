import { archFacts } from '../machine/arch.ts'
import type { BootSpec } from '../machine/machine.ts'

/** The kernel parameters of one boot: ours first, so that the user's win where the last one counts. */
export function kernelParameters({
  machine,
  accelerator,
  display,
  parameters,
}: BootSpec): readonly string[] {
  const arch = archFacts(machine.arch)
  return [
    // The last one is /dev/console.
    ...(display ? ['console=tty0'] : []),
    `console=${arch.console}`,
    // From the first line on, not only from when the console driver is up.
    arch.earlyConsole,
    'panic=-1',
    ...arch.resetParameters,
    'ignore_loglevel',
    'printk.devkmsg=on',
    'net.ifnames=0',
    ...arch.nmiParameters,
    // Distributions allow some keys only; a hang is asked by them.
    'sysrq_always_enabled',
    ...(accelerator.kind === 'tcg' ? arch.emulatedClock(accelerator.tscKHz) : []),
    ...parameters,
  ]
}
