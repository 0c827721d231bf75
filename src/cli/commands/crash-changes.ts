import { statSync } from 'node:fs'

import { formatBytes, UsageError } from '../../base/index.ts'
import { crashes } from '../../lab/index.ts'
import { audited } from '../audited.ts'
import { lookingLab } from '../lab.ts'
import { Progress } from '../render/progress.ts'
import { err, out } from '../render/print.ts'

export interface ExportFlags {
  readonly json?: boolean
  readonly output?: string
  readonly kernel?: boolean
  readonly dump?: boolean
}

export interface IgnoreFlags {
  readonly reason?: string
  readonly undo?: boolean
  readonly user?: boolean
}

/** Writes the archive for a bug report. */
export async function exportOne(wanted: string, flags: ExportFlags): Promise<void> {
  const { lab, useCases } = await open()
  using progress = new Progress()
  progress.show('exporting')
  const { path, files, scrubbed } = await useCases.exportCrash(lab, {
    crash: wanted,
    output: flags.output,
    withKernel: flags.kernel ?? false,
    withDump: flags.dump ?? false,
  })
  if (flags.dump) await audited({ what: 'export', subject: wanted, detail: path })
  const { size } = statSync(path)
  if (flags.json) {
    out.json({ path, bytes: size, files, scrubbed })
    return
  }
  out.line(path)
  err.line(
    `klab: ${formatBytes(size)}, ${files.length} files; ${scrubbed} places with names or secrets taken out: look before you send it`,
  )
}

/** Lets a crash count no more, or again. */
export async function ignore(
  wanted: string,
  { reason, undo = false, user = false }: IgnoreFlags,
): Promise<void> {
  if (undo === (reason !== undefined))
    throw new UsageError('give --reason TEXT to ignore it, or --undo to let it count again')
  const { lab, useCases } = await open()
  const { file, title } = await useCases.ignoreCrash(lab, wanted, { reason, user })
  out.line(`${title}: ${undo ? 'counts again' : 'does not count any more'} (${file})`)
}

/** Removes crashes from the history. */
export async function remove(wanted: readonly string[]): Promise<void> {
  const { lab, useCases } = await open()
  for (const one of wanted) {
    const { title, fingerprint } = await useCases.removeCrash(lab, one)
    out.line(`removed ${fingerprint} (${title})`)
  }
}

async function open() {
  const [lab, useCases] = await Promise.all([lookingLab(), crashes()])
  return { lab, useCases }
}
