import type { Registers } from './registers.ts'

/** Bytes that can be read anywhere, such as a file. */
export interface Source {
  readonly size: number
  /** Exactly that many bytes. Throws DumpError where there are none. */
  read(at: number, length: number): Buffer
}

/** A dump that cannot be read, and why, in a sentence that goes on from its name. */
export class DumpError extends Error {}

/** What a dump of memory holds. */
export interface Dump {
  readonly format: 'elf' | 'kdump'
  /** The kernel's description of itself (kernel/crash_core.c); undefined where the dump has none. */
  readonly vmcoreinfo: string | undefined
  /** Of each CPU; empty where the dump has none. */
  readonly registers: readonly Registers[]
  /** Physical memory. Throws DumpError where the dump has none. */
  readPhysical(at: number, length: number): Buffer
}

/** Nothing of a dump that is read at once is larger. */
export const MAX_READ = 64 * 1024 * 1024

/** A number of a hostile file that is to be a size or a place. */
export function sane(value: bigint | number, limit: number, what: string): number {
  if (value < 0 || value > limit) throw new DumpError(`its ${what} is ${value}, which cannot be`)
  return Number(value)
}
