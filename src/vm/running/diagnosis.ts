import { PHASE_GOALS, type Phase } from './phases.ts'

export interface BootEvidence {
  /** The phase that was not reached. */
  readonly phase: Phase
  /** Everything on the console so far, or its end. */
  readonly consoleLines: readonly string[]
  readonly qemuStderr: string
  /** How QEMU ended, if it did: `exit status 1`. */
  readonly qemuEnd?: string
  /** How long was waited, for people. */
  readonly waited: string
  /** What a kernel must have to be heard, without CONFIG_. */
  readonly consoleOption: string
}

interface Cause {
  readonly match: RegExp
  readonly says: (found: RegExpExecArray) => string
}

/** What QEMU says before it gives up. */
const QEMU_CAUSES: readonly Cause[] = [
  {
    match: /failed to set MSR (\S+)/,
    says: (m) => `KVM does not work on this host (cannot set MSR ${m[1]}); use --accel tcg`,
  },
  {
    match: /Could not access KVM kernel module: (.+)|failed to initialize kvm: (.+)/i,
    says: (m) => `KVM cannot be used: ${m[1] ?? m[2]}; use --accel tcg`,
  },
  {
    match: /cannot set up guest memory '[^']*': Cannot allocate memory|Cannot allocate memory/,
    says: () => 'this host has not enough free memory for the guest; ask for less with --memory',
  },
  {
    match: /unable to find CPU model '([^']+)'/,
    says: (m) => `this QEMU has no CPU model ${m[1]}`,
  },
  {
    match:
      /CPU model '?([^'\n]*)'? requires (?:host )?support|doesn't support requested feature: (\S+)/,
    says: (m) => `the CPU lacks a feature that was asked for (${m[2] ?? m[1]})`,
  },
  {
    match: /'([^']+)' is not a valid device model name|Device '([^']+)' not found/,
    says: (m) => `this QEMU has no device ${m[1] ?? m[2]}; klab doctor lists what it needs`,
  },
  {
    // QEMU's lock on the file of a disk (block/file-posix.c).
    match: /Failed to get (?:shared )?"?\w+"? lock[^]*?using the image \[([^\]]+)\]/,
    says: (m) => `the file of a disk is in use by another VM or program: ${m[1]}`,
  },
  {
    // A microvm has 24 places, a PC some 28.
    match: /No 'virtio-bus' bus found|no slot\/function available/,
    says: () =>
      'the machine has no place for so many devices; ask for fewer disks, shares and network cards, or --type q35',
  },
  {
    match: /unsupported machine type/i,
    says: () => 'this QEMU does not have the machine type; klab doctor lists what it needs',
  },
  {
    match: /Error loading uncompressed kernel without PVH ELF Note/,
    says: () =>
      'QEMU cannot start this image: it is an ELF kernel without a PVH entry (CONFIG_PVH)',
  },
  {
    match:
      /(?:could not load kernel|invalid kernel header|linux kernel too old|qemu: .*kernel.*)(.*)/i,
    says: (m) => `QEMU cannot load the kernel image (${m[0].trim()})`,
  },
  {
    match:
      /access denied by acl file[^]*?gave no device of (\S+)|failed to parse default acl file[^]*?gave no device of (\S+)/,
    says: (m) =>
      `QEMU's bridge helper is not allowed to use ${m[1] ?? m[2]}: root has to write "allow ${m[1] ?? m[2]}" to /etc/qemu/bridge.conf`,
  },
  {
    match:
      /(?:failed to (?:create tun device|launch bridge helper)|Operation not permitted)[^]*?(\S+) gave no device of (\S+)/,
    says: (m) =>
      `${m[1]} may not make a device for ${m[2]}: it has to be set-user-ID root (chmod u+s ${m[1]})`,
  },
  {
    match: /klab-launch: (cannot .+)/,
    says: (m) =>
      `without a mount namespace a guest would see the secrets of this machine, and there can be none: ${m[1]}; root can have one, and --root none with shares that hold no secrets needs none`,
  },
  {
    match: /klab-launch: (.+)/,
    says: (m) => `the sandbox of the VM could not be made (${m[1]})`,
  },
]

/** What a kernel says before it gives up. The first match in this order is the cause; later ones are consequences. */
const CONSOLE_CAUSES: readonly Cause[] = [
  {
    match: /This kernel requires an? (\S+) CPU, but only detected an? (\S+) CPU/,
    says: (m) => `wrong architecture: the kernel requires ${m[1]}, the machine is ${m[2]}`,
  },
  {
    match: /This kernel requires the following features not present on the CPU/,
    says: () => 'the CPU lacks a feature that the kernel was built to require',
  },
  {
    match: /klab-agent: no virtio port named klab\.agent/,
    says: () =>
      'the kernel has no working virtio console driver (CONFIG_VIRTIO_CONSOLE with CONFIG_VIRTIO_MMIO or CONFIG_VIRTIO_PCI), so the agent has no channel',
  },
  {
    match:
      /Kernel panic - not syncing: (?:System is deadlocked on memory|Out of memory.*)|Kernel panic.*[Oo]ut of memory/,
    says: () => 'the guest ran out of memory while booting; give it more with --memory',
  },
  {
    match: /Initramfs unpacking failed: (.+)|rootfs image is not initramfs/,
    says: (m) =>
      `the kernel could not unpack the initramfs (${m[1] ?? 'not an initramfs'}); give the guest more --memory`,
  },
  {
    match: /VFS: Unable to mount root fs on (\S+)/,
    says: (m) =>
      `the kernel was unable to mount its root (${m[1]}): it has no initramfs support (CONFIG_BLK_DEV_INITRD) or a rdinit= that does not exist`,
  },
  {
    match:
      /Kernel panic - not syncing: (No working init found|Requested init \S+ failed[^\n]*|Attempted to kill init[^\n]*)/,
    says: (m) => `the kernel panicked before the agent ran: ${m[1]}`,
  },
  {
    match: /Kernel panic - not syncing: (.+)/,
    says: (m) => `the kernel panicked while booting: ${m[1]}`,
  },
  {
    match: /(?:BUG|Oops|general protection fault)[:,] ?(.*)/,
    says: (m) => `the kernel crashed while booting: ${m[0].trim()}`,
  },
]

/** Why a boot failed, as one clause. Pure: the evidence decides. */
export function diagnose(evidence: BootEvidence): string {
  const { phase, consoleLines, qemuStderr, qemuEnd, waited } = evidence
  const console = consoleLines.join('\n')
  const known = firstCause(CONSOLE_CAUSES, console) ?? firstCause(QEMU_CAUSES, qemuStderr)
  if (known !== undefined) return known
  if (qemuEnd !== undefined) {
    const said = qemuStderr.trim().split('\n').at(-1)
    const ending = consoleLines.length > 0 ? 'the guest reset or powered off' : 'QEMU ended'
    return `${ending} while waiting for ${PHASE_GOALS[phase]} (${qemuEnd}${said ? `: ${said}` : ''})`
  }
  if (phase === 'console') {
    return `no output on the console within ${waited}: not a kernel for this machine, or one without a serial console (CONFIG_${evidence.consoleOption})`
  }
  if (phase === 'agent') {
    return `the guest agent did not connect within ${waited}: the kernel hangs, or does not start /init from the initramfs`
  }
  return `waited ${waited} in vain for ${PHASE_GOALS[phase]}`
}

function firstCause(causes: readonly Cause[], text: string): string | undefined {
  for (const { match, says } of causes) {
    const found = match.exec(text)
    if (found) return says(found)
  }
  return undefined
}
