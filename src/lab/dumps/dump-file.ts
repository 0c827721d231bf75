import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'

import { InfraError, messageOf } from '../../base/index.ts'
import {
  AddressSpace,
  DumpError,
  elfOf,
  formatRecord,
  openDump,
  openKdump,
  readKernelLog,
  Vmcoreinfo,
  writesOfFlattened,
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

/**
 * Writes what QEMU has dumped (a flattened kdump) as the file that is wanted: an ELF core with holes for empty pages, or a plain kdump file, which more tools
 * read. Throws InfraError when it cannot be read, and what fs throws when there is no room.
 */
export function convertDump(from: string, to: string, format: 'elf' | 'kdump'): void {
  withFile(from, (source) => {
    const file = openSync(to, 'wx', 0o600)
    try {
      const { size = 0, writes } =
        format === 'elf' ? elfOf(openKdump(source)) : { writes: writesOfFlattened(source) }
      if (size > 0) ftruncateSync(file, size)
      for (const { at, bytes } of writes)
        for (let done = 0; done < bytes.length;)
          done += writeSync(file, bytes, done, bytes.length - done, at + done)
    } finally {
      closeSync(file)
    }
  })
}

function withFile<T>(path: string, use: (source: Source) => T): T {
  let isOpen = false
  try {
    return withFileBytes(path, (source) => {
      isOpen = true
      return use(source)
    })
  } catch (error) {
    if (!isOpen && !(error instanceof DumpError))
      throw new InfraError('DUMP', `cannot open the dump ${path}: ${messageOf(error)}`)
    // What a file of others holds may make any part of the reading fail: that is its fault, and never a bug of klab's.
    const why = error instanceof DumpError ? error.message : `it is damaged (${messageOf(error)})`
    throw new InfraError('DUMP', `cannot read the dump ${path}: ${why}`, { cause: error })
  }
}
