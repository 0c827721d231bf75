import { dirname, resolve } from 'node:path'

import { elfHasDwarf, InfraError } from '../../base/index.ts'
import { findProgram, runInteractive, withFileBytes } from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'
import { factsOfDump } from './dump-file.ts'
import { vmlinuxFor } from './vmlinux-for.ts'

interface Opened {
  readonly vmlinux: string
  readonly dump: string
  readonly moved: string
}

/** Tools that open a dump, and how they are given it and the vmlinux. */
const TOOLS = {
  // Without it crash looks where the kernel was linked: it knows no KERNELOFFSET of such dumps.
  crash: ({ vmlinux, dump, moved }: Opened) => [`--kaslr=${moved}`, vmlinux, dump],
  drgn: ({ vmlinux, dump }: Opened) => ['-s', vmlinux, '-c', dump],
  gdb: ({ vmlinux, dump, moved }: Opened) => [
    // The kernel's own scripts are beside it, where it has them.
    ...['-q', '-iex', `add-auto-load-safe-path ${dirname(vmlinux)}`, '-c', dump],
    ...['-ex', `symbol-file -o ${moved} "${vmlinux}"`],
  ],
} as const

export type DumpTool = keyof typeof TOOLS
export const DUMP_TOOLS = Object.keys(TOOLS) as DumpTool[]

/** Opens a tool on a dump in our terminal; returns its exit code. Throws InfraError when it is not there, or cannot read such a dump. */
export async function openWith(
  paths: Paths,
  tool: DumpTool,
  {
    dump,
    vmlinux,
    searchPath,
  }: {
    readonly dump: string
    readonly vmlinux: string | undefined
    /** PATH */
    readonly searchPath: string | undefined
  },
): Promise<number> {
  const { format, release, buildId, moved } = factsOfDump(dump)
  if (tool === 'gdb' && format !== 'elf')
    throw new InfraError(
      'TOOL',
      `gdb reads no ${format} dumps: dump with --format elf, or use --with crash`,
    )
  const symbols = await vmlinuxFor(paths, { dump, buildId, release, vmlinux })
  if (symbols === undefined)
    throw new InfraError(
      'VMLINUX',
      `klab has no vmlinux with the build id ${buildId ?? '(it tells none)'}: name one with --vmlinux`,
    )
  if (tool === 'crash' && !withFileBytes(symbols, elfHasDwarf))
    throw new InfraError(
      'TOOL',
      `crash needs debug information, and ${symbols} has none: build with --profile debug, or with CONFIG_DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT=y; klab inspect and --with gdb do without`,
    )
  const args = TOOLS[tool]({ vmlinux: resolve(symbols), dump: resolve(dump), moved })
  return runTool(tool, args, searchPath)
}

/** Runs a tool in our terminal; returns its exit code. Throws InfraError when it is not on PATH or cannot be started. */
export function runTool(
  tool: DumpTool,
  args: readonly string[],
  searchPath: string | undefined,
): number {
  if (findProgram(tool, searchPath) === undefined)
    throw new InfraError(
      'TOOL',
      `${tool} is not installed (${tool === 'drgn' ? 'pip install drgn' : `the package ${tool}`})`,
    )
  const exit = runInteractive(tool, args)
  if (exit.kind === 'exited') return exit.code
  if (exit.kind === 'killed') return 128
  throw new InfraError('TOOL', `${tool} cannot be started: ${exit.reason}`)
}
