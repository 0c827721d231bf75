import type { Command } from 'commander'
import { statSync } from 'node:fs'
import { resolve } from 'node:path'

import { formatBytes, UsageError } from '../../base/index.ts'
import { dumps, logs, vmDumping, vms } from '../../lab/index.ts'
import { currentPaths } from '../lab.ts'
import { Progress } from '../render/progress.ts'

interface DumpFlags {
  readonly output?: string
  readonly format: string
  readonly json?: boolean
}

export function addDumpCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('dump <vm>')
    .summary("write a VM's memory to a file")
    .description("write a VM's memory to a file, for klab dmesg, crash, drgn and gdb")
    .option('-o, --output <file>', 'where (default: NAME.dump here)')
    .option('--format <elf|kdump>', 'elf: as it is, fast; kdump: packed page by page', 'elf')
    .option('--json', 'the result as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  klab dump box\n  klab dump box -o /tmp/box.kdump --format kdump && klab dmesg /tmp/box.kdump',
    )
    .action(async (name: string, flags: DumpFlags) => {
      await dump(name, flags)
      finish(0)
    })
}

async function dump(name: string, { output, format, json }: DumpFlags): Promise<void> {
  if (format !== 'elf' && format !== 'kdump')
    throw new UsageError(`--format ${format} is not elf or kdump`)
  const [paths, { VmRegistry }, { dumpVm }] = await Promise.all([
    currentPaths(),
    vms(),
    vmDumping(),
  ])
  const vm = new VmRegistry(paths).getLive(name)
  const path = resolve(output ?? `${name}.dump`)
  using progress = new Progress()
  const facts = await dumpVm(paths, vm, {
    ...{ path, format },
    onProgress: (done, total) =>
      progress.show(`dumping ${name}: ${formatBytes(done)} of ${formatBytes(total)}`),
  })
  const bytes = statSync(path).size
  if (json) {
    console.log(JSON.stringify({ path, bytes, ...facts }, null, 2))
    return
  }
  console.log(path)
  const of =
    facts.release === undefined ? 'no VMCOREINFO: klab dmesg cannot read it' : facts.release
  console.error(`klab: ${formatBytes(bytes)}, ${facts.format}, ${of}`)
}

export function addDmesgCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('dmesg <dump>')
    .summary("the kernel's log from a dump of its memory")
    .description("the kernel's log from a dump of its memory (ELF or kdump), without other tools")
    .option('--reports', 'the reports in it, as klab crash parse')
    .addHelpText(
      'after',
      '\nExamples:\n  klab dmesg box.dump\n  klab dmesg /var/crash/vmcore --reports',
    )
    .action(async (path: string, { reports }: { reports?: boolean }) => {
      const [{ dmesgOf }, { parseLog }] = await Promise.all([dumps(), logs()])
      const lines = dmesgOf(path)
      if (reports) {
        const { Readable } = await import('node:stream')
        const log = Readable.from([Buffer.from(`${lines.join('\n')}\n`)])
        for await (const { title } of parseLog(log)) console.log(title)
      } else for (const line of lines) console.log(line)
      finish(0)
    })
}
