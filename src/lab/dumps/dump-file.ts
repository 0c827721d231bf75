import { InfraError, messageOf } from '../../base/index.ts'
import {
  AddressSpace,
  DumpError,
  formatRecord,
  openDump,
  readKernelLog,
  Vmcoreinfo,
  type Dump,
  type Source,
} from '../../crash/index.ts'
import { withFileBytes } from '../../host/index.ts'

/** What a dump says of itself. */
export interface DumpFacts {
  readonly format: Dump['format']
  /** Of the kernel; undefined without VMCOREINFO. */
  readonly release: string | undefined
  readonly buildId: string | undefined
  /** By how much the kernel was moved from where it was linked (KASLR), in hexadecimal. */
  readonly moved: string
}

/** The kernel's log of a dump, as dmesg prints it. Throws InfraError with one sentence for what cannot be read. */
export function dmesgOf(path: string): string[] {
  return withDump(path, (dump) => {
    const info = infoOf(dump)
    return readKernelLog(new AddressSpace(dump, info), info).map(formatRecord)
  })
}

/** What a dump says of itself. Throws InfraError for what is no dump. */
export function factsOfDump(path: string): DumpFacts {
  return withDump(path, (dump) => {
    const { format, vmcoreinfo } = dump
    const info = vmcoreinfo === undefined ? undefined : new Vmcoreinfo(vmcoreinfo)
    return {
      format,
      release: info?.text('OSRELEASE'),
      buildId: info?.text('BUILD-ID'),
      moved: `0x${(info?.moved ?? 0n).toString(16)}`,
    }
  })
}

/** What VMCOREINFO of a dump says. Throws DumpError for one without. */
export function infoOf({ vmcoreinfo }: Dump): Vmcoreinfo {
  if (vmcoreinfo !== undefined) return new Vmcoreinfo(vmcoreinfo)
  throw new DumpError(
    'it has no VMCOREINFO: the kernel (CONFIG_FW_CFG_SYSFS, CONFIG_PROC_KCORE or KEXEC) did not describe itself to QEMU',
  )
}

/** Opens a dump for as long as it is used. Throws InfraError with one sentence for whatever cannot be read. */
export function withDump<T>(path: string, use: (dump: Dump) => T): T {
  return withFile(path, (source) => use(openDump(source)))
}

function withFile<T>(path: string, use: (source: Source) => T): T {
  let isOpen = false
  try {
    return withFileBytes(path, (source) => {
      isOpen = true
      return use(source)
    })
  } catch (error) {
    throw isOpen ? unreadable(path, error) : unopened(path, error)
  }
}

/** What a dump that cannot be opened is told with. */
export function unopened(path: string, error: unknown): InfraError {
  if (error instanceof DumpError) return unreadable(path, error)
  return new InfraError('DUMP', `cannot open the dump ${path}: ${messageOf(error)}`)
}

/** What a file of others holds may make any part of the reading fail: that is its fault, and never a bug of klab's. */
export function unreadable(path: string, error: unknown): InfraError {
  const why = error instanceof DumpError ? error.message : `it is damaged (${messageOf(error)})`
  return new InfraError('DUMP', `cannot read the dump ${path}: ${why}`, { cause: error })
}
