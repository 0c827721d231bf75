import type { BootSpec } from '../machine/machine.ts'

/** x86's COMMAND_LINE_SIZE, with its NUL. */
export const MAX_PARAMETERS_LENGTH = 2047

/** The kernel parameters of one boot: ours first, so that the user's win where the last one counts. */
export function kernelParameters({ accelerator, parameters }: BootSpec): string[] {
  return [
    'console=ttyS0',
    // From the first line on, not only from when the console driver is up.
    'earlyprintk=serial,ttyS0,115200',
    'panic=-1',
    // microvm has no ACPI power control; a triple fault ends QEMU at once.
    'reboot=t',
    'ignore_loglevel',
    'printk.devkmsg=on',
    'net.ifnames=0',
    'unknown_nmi_panic=1',
    // Distributions allow some keys only; a hang is asked by them.
    'sysrq_always_enabled',
    // Where there is no PC's port 0x61 (microvm), an NMI looks like a bus error (arch/x86/kernel/nmi.c).
    'sysctl.kernel.panic_on_unrecovered_nmi=1',
    ...(accelerator.kind === 'tcg' ? emulatedClock(accelerator.tscKHz) : []),
    ...parameters,
  ]
}

/**
 * Emulated, the guest reads the host's own counter, and microvm has no other good clock: calibrating against the PIT
 * fails now and then, and the boot with it ("Unable to calibrate against PIT"; seen in 3 of 36 boots, and in none of 40
 * with the frequency given). Kernels that do not know tsc_early_khz ignore it.
 */
function emulatedClock(tscKHz: number): string[] {
  return ['tsc=reliable', 'no_timer_check', ...(tscKHz > 0 ? [`tsc_early_khz=${tscKHz}`] : [])]
}
