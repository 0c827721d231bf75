/** What the architecture of a kernel decides where kernels are configured, built and found. */
interface ArchFacts {
  /** `ARCH=` for make. */
  readonly make: string
  /** Its directory below arch/, which Kconfig calls $(SRCARCH). */
  readonly directory: string
  /** The option that every configuration of it has. */
  readonly symbol: string
  /** The bootable image: how make calls it, where it is among the objects, and how such files are named elsewhere. */
  readonly image: { readonly target: string; readonly path: string; readonly names: RegExp }
}

/** The architectures whose kernels klab builds and boots: one row each. */
const ARCHES = {
  x86_64: {
    make: 'x86_64',
    directory: 'x86',
    symbol: 'X86_64',
    image: {
      target: 'bzImage',
      path: 'arch/x86/boot/bzImage',
      names: /^(?:vmlinuz|bzImage|image$)/,
    },
  },
} as const satisfies Record<string, ArchFacts>

export type Arch = keyof typeof ARCHES

/** The one whose kernels are built and booted where nothing else is asked for. */
export const DEFAULT_ARCH: Arch = 'x86_64'

export function archFacts(arch: Arch): ArchFacts {
  return ARCHES[arch]
}

/** By what an image shows for which architecture it is: the machine number of an ELF file, and bytes at a fixed place of the others. */
interface ImageMark {
  readonly arch: string
  /** e_machine (elf(5)). */
  readonly elfMachine: number
  readonly magic?: { readonly at: number; readonly text: string }
}

/** Of all architectures that somebody may bring, so that what klab does not boot is named. */
const MARKS: readonly ImageMark[] = [
  // Documentation/arch/x86/boot.rst: the real-mode header.
  { arch: 'x86_64', elfMachine: 62, magic: { at: 0x202, text: 'HdrS' } },
  // Documentation/arch/arm64/booting.rst
  { arch: 'arm64', elfMachine: 183, magic: { at: 0x38, text: 'ARM\x64' } },
  // Documentation/arch/riscv/boot-image-header.rst
  { arch: 'riscv', elfMachine: 243, magic: { at: 0x38, text: 'RSC\x05' } },
  // A zImage: 0x016f2818, little-endian.
  { arch: 'arm', elfMachine: 40, magic: { at: 0x24, text: '\x18\x28\x6f\x01' } },
  { arch: 'i386', elfMachine: 3 },
  { arch: 'ppc64', elfMachine: 21 },
  { arch: 's390', elfMachine: 22 },
  { arch: 'loongarch', elfMachine: 258 },
]

/** The architecture of an ELF file, by its machine number. */
export function archOfElf(machine: number): string {
  return MARKS.find(({ elfMachine }) => elfMachine === machine)?.arch ?? `machine ${machine}`
}

/** The architecture of an image that is no ELF file; undefined for what klab does not know. */
export function archOfHeader(head: Buffer): string | undefined {
  return MARKS.find(
    ({ magic }) =>
      magic && head.toString('latin1', magic.at, magic.at + magic.text.length) === magic.text,
  )?.arch
}
