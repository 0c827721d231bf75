import type { Command } from 'commander'
import { statSync } from 'node:fs'
import { resolve } from 'node:path'

import { formatBytes, UsageError } from '../../base/index.ts'
import { dumps, logs, vmDumping, vms } from '../../lab/index.ts'
import { processInterrupts } from '../interrupts.ts'
import { audited } from '../audited.ts'
import { lookingLab, currentPaths } from '../lab.ts'
import { Progress } from '../render/progress.ts'
import { err, out } from '../render/print.ts'

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
  using interrupts = processInterrupts(() => undefined)
  await audited({ what: 'dump', subject: name, detail: path })
  const facts = await dumpVm(paths, vm, {
    ...{ path, format, signal: interrupts.stop },
    advice: 'name another place with -o, or use --format kdump',
    onProgress: (done, total) =>
      progress.show(`dumping ${name}: ${formatBytes(done)} of ${formatBytes(total)}`),
  })
  const bytes = statSync(path).size
  if (json) {
    out.json({ path, bytes, ...facts })
    return
  }
  out.line(path)
  const of =
    facts.release === undefined ? 'no VMCOREINFO: klab dmesg cannot read it' : facts.release
  err.line(`klab: ${formatBytes(bytes)}, ${facts.format}, ${of}`)
}

const DMESG_HELP = `
A VM's guest is not asked: its memory is copied, for which it stands still. A name that has a slash, or that a file here has, is
the file; start klab elsewhere for the VM.

Examples:
  klab dmesg box.dump
  klab dmesg box
  klab dmesg /var/crash/vmcore --reports`

export function addDmesgCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('dmesg <dump|vm|run-id>')
    .summary("a kernel's log, from its memory")
    .description(
      "a kernel's log from its memory: of a dump (ELF or kdump), of a VM that runs, or of a run that wrote one",
    )
    .option('--reports', 'the reports in it, as klab crash parse')
    .addHelpText('after', DMESG_HELP)
    .action(async (what: string, { reports }: { reports?: boolean }) => {
      const { parseLog } = await logs()
      const { Readable } = await import('node:stream')
      const lines = await kernelLog(what)
      const log = Readable.from([Buffer.from(lines.map((line) => `${line}\n`).join(''))])
      if (reports) for await (const { title } of parseLog(log)) out.line(title)
      else await out.recorded(log)
      finish(0)
    })
}

async function kernelLog(what: string): Promise<readonly string[]> {
  const { isFileName, memoryLogOf, namedLog } = await logs()
  if (isFileName(what)) return (await dumps()).dmesgOf(what)
  const lab = await lookingLab()
  const log = await namedLog(lab, what)
  using progress = new Progress()
  using interrupts = processInterrupts(() => undefined)
  return await memoryLogOf(lab.paths, log, {
    signal: interrupts.stop,
    onProgress: (done, total) =>
      progress.show(`copying memory: ${formatBytes(done)} of ${formatBytes(total)}`),
  })
}
