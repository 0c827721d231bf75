import { archFacts } from '../machine/arch.ts'
import type { BootSpec } from '../machine/boot-spec.ts'

/** The kernel parameters of one boot: ours first, so that the user's win where the last one counts. */
export function kernelParameters({
  machine,
  accelerator,
  display,
  pvpanic,
  parameters,
}: BootSpec): readonly string[] {
  const arch = archFacts(machine.arch)
  return [
    // The last one is /dev/console.
    ...(display ? ['console=tty0'] : []),
    `console=${arch.console}`,
    // From the first line on, not only from when the console driver is up.
    arch.earlyConsole,
    // A kernel that panics resets at once; where that does not end QEMU, it is told in time that it shall.
    machine.reboots && !pvpanic ? 'panic=1' : 'panic=-1',
    // A guest that may reset does it in its own way.
    ...(machine.reboots ? [] : arch.resetParameters),
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
