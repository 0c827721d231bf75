import { archFacts, type Arch, type SymbolTable } from '../../crash/index.ts'

/** What `linux_banner` begins with, as words of the monitor: `Linux versio`. */
const BANNER = ['0x756e694c', '0x65762078', '0x6f697372']

/**
 * By how much a kernel is away from where it was linked (KASLR): its banner is looked for in memory, as one of its CPUs sees it. The
 * guest is not asked. Undefined where none of the CPUs has the kernel mapped, as in user space with page table isolation.
 */
export async function kernelOffset(
  execute: (command: string, args: Readonly<Record<string, unknown>>) => Promise<unknown>,
  {
    arch,
    table,
    cpus,
  }: { readonly arch: Arch; readonly table: SymbolTable; readonly cpus: readonly number[] },
): Promise<bigint | undefined> {
  const banner = table.first('linux_banner')
  if (banner === undefined) return undefined
  const { window, step } = archFacts(arch).image
  for (const cpu of cpus) {
    for (let offset = 0n; offset < window; offset += step) {
      const line = `x /3xw 0x${(banner + offset).toString(16)}`
      const said = await execute('human-monitor-command', {
        ...{ 'command-line': line, 'cpu-index': cpu },
      })
      const words = String(said).match(/0x[0-9a-f]{8}\b/g) ?? []
      if (BANNER.every((word, index) => words[index] === word)) return offset
    }
  }
  return undefined
}
