import type { ArchFacts } from '../arch/arch.ts'
import type { Registers } from './registers.ts'

/** A dump that cannot be read is one that is not of its form; see base. */
export { FormatError as DumpError, sane, type Bytes as Source } from '../../base/index.ts'

/** What a dump of memory holds. */
export interface Dump {
  readonly format: 'elf' | 'kdump'
  readonly arch: ArchFacts
  /** The kernel's description of itself (kernel/crash_core.c); undefined where the dump has none. */
  readonly vmcoreinfo: string | undefined
  /** Of each CPU; empty where the dump has none. */
  readonly registers: readonly Registers[]
  /** Physical memory. Throws DumpError where the dump has none. */
  readPhysical(at: number, length: number): Buffer
}

/** Nothing of a dump that is read at once is larger. */
export const MAX_READ = 64 * 1024 * 1024
