/** The names of virtio devices end in it: virtio-mmio has `device`, PCI has `pci`. */
export type Bus = 'device' | 'pci'

interface MachineTypeFacts {
  /** For `-machine`. */
  readonly argument: string
  readonly bus: Bus
  /** Its firmware tells the guest of nodes of memory (ACPI's SRAT), and of memory that keeps what is in it (NFIT). */
  readonly describesMemory: boolean
}

interface ArchFacts {
  /** The QEMU that has it, and how Node calls a host of it. */
  readonly qemu: string
  readonly nodeName: NodeJS.Architecture
  readonly machines: Readonly<Record<string, MachineTypeFacts>>
  /** For `-cpu`, by accelerator. */
  readonly cpu: { readonly kvm: string; readonly tcg: string }
  /** The serial console in the guest, and the parameter by which it speaks from the first line on. */
  readonly console: string
  readonly earlyConsole: string
  /** The kernel's option for it, without CONFIG_. */
  readonly consoleOption: string
  /** The device by which a kernel that panics says so. */
  readonly panicDevice: string
  /** A graphics card on which a kernel without a driver of its own shows text. */
  readonly screen: string
  /** How a kernel resets the machine at once, whatever the machine has. */
  readonly resetParameters: readonly string[]
  /** What an NMI means to a kernel that hangs. */
  readonly nmiParameters: readonly string[]
  /** For emulated guests. The frequency is that of the host's counter, which they see; 0 when unknown. */
  readonly emulatedClock: (counterKHz: number) => readonly string[]
  /** How the monitor's `info registers` shows a virtual CPU: numbers are hexadecimal. */
  readonly monitor: {
    readonly pc: RegExp
    /** Interrupts are on when the flags have the bit. */
    readonly flags: RegExp
    readonly interruptsOn: number
    /** The privilege level, and that of user space. */
    readonly level: RegExp
    readonly userLevel: number
    readonly halted: RegExp
  }
  /** The functions of a kernel in which a CPU waits for work. */
  readonly idle: RegExp
  /** The packages of its QEMU, by package manager. */
  readonly packages: Readonly<Record<'apt' | 'dnf' | 'pacman' | 'zypper', string>>
  /** The longest command line that its kernels take (COMMAND_LINE_SIZE), without its NUL. */
  readonly maxParametersLength: number
}

/** What differs from architecture to architecture, of guests: one row each. */
const ARCHES = {
  x86_64: {
    qemu: 'qemu-system-x86_64',
    nodeName: 'x64',
    machines: {
      /** No PCI; starts fastest. */
      microvm: { argument: 'microvm,rtc=on', bus: 'device', describesMemory: false },
      /** The PC with everything. */
      q35: { argument: 'q35', bus: 'pci', describesMemory: true },
    },
    cpu: {
      kvm: 'host',
      // Emulated `rep movsb` goes byte by byte; without ERMS the kernel copies by words. And Linux brings up the further
      // CPUs of an Intel machine at once, those of an AMD one (which `max` says it is) after 90 ms each.
      tcg: 'max,-erms,-fsrm,vendor=GenuineIntel',
    },
    console: 'ttyS0',
    earlyConsole: 'earlyprintk=serial,ttyS0,115200',
    consoleOption: 'SERIAL_8250_CONSOLE',
    panicDevice: 'pvpanic',
    screen: 'VGA',
    // A triple fault: microvm has no ACPI and no keyboard controller to ask.
    resetParameters: ['reboot=t'],
    nmiParameters: [
      'unknown_nmi_panic=1',
      // Where there is no PC's port 0x61 (microvm), an NMI looks like a bus error (arch/x86/kernel/nmi.c).
      'sysctl.kernel.panic_on_unrecovered_nmi=1',
    ],
    /*
     * microvm has no other good clock: calibrating against the PIT fails now and then, and the boot with it ("Unable to
     * calibrate against PIT"; seen in 3 of 36 boots, and in none of 40 with the frequency given). Kernels that do not know
     * tsc_early_khz ignore it.
     */
    emulatedClock: (tscKHz) => [
      ...['tsc=reliable', 'no_timer_check'],
      ...(tscKHz > 0 ? [`tsc_early_khz=${tscKHz}`] : []),
    ],
    monitor: {
      pc: /RIP=([0-9a-f]+)/,
      ...{ flags: /RFL=([0-9a-f]+)/, interruptsOn: 0x200 },
      ...{ level: /CPL=(\d)/, userLevel: 3 },
      halted: /HLT=1/,
    },
    idle: /^(?:default_idle|native_safe_halt|pv_native_safe_halt|acpi_\w*idle)/,
    packages: {
      apt: 'qemu-system-x86',
      dnf: 'qemu-system-x86-core',
      pacman: 'qemu-system-x86',
      zypper: 'qemu-x86',
    },
    maxParametersLength: 2047,
  },
} as const satisfies Record<string, ArchFacts>

/** Of guests. */
export type Arch = keyof typeof ARCHES

export type MachineType = { [A in Arch]: keyof (typeof ARCHES)[A]['machines'] }[Arch]

export function archFacts(arch: Arch): ArchFacts {
  return ARCHES[arch]
}

/** The machine types of an architecture. */
export function machineTypesOf(arch: Arch): MachineType[] {
  // Object.keys forgets of what they are the keys.
  return Object.keys(ARCHES[arch].machines) as MachineType[]
}

/** The first machine type of an architecture whose virtio devices come so. */
export function machineTypeOn(arch: Arch, bus: 'mmio' | 'pci'): MachineType {
  const isPci = bus === 'pci'
  const found = machineTypesOf(arch).find(
    (type) => (machineTypeFacts({ arch, type }).bus === 'pci') === isPci,
  )
  if (!found) throw new Error(`${arch} has no machine with ${bus}`)
  return found
}

/** What a machine type of an architecture is. */
export function machineTypeFacts({
  arch,
  type,
}: {
  readonly arch: Arch
  readonly type: MachineType
}): MachineTypeFacts {
  const facts = archFacts(arch).machines[type]
  if (!facts) throw new Error(`${arch} has no machine ${type}`)
  return facts
}
