import type { Command } from 'commander'

import { formatBytes, formatDuration } from '../../base/index.ts'
import { guestUser, ownAccount, vmCopying } from '../../lab/index.ts'
import { processInterrupts } from '../interrupts.ts'
import { audited } from '../audited.ts'
import { currentPaths } from '../lab.ts'
import { Status } from '../render/status.ts'

interface CopyFlags {
  readonly user?: string
  readonly quiet?: boolean
}

const HELP = `
A directory is copied with all that is in it; modes, times and links are kept. What exists as a directory is copied into.

Examples:
  klab cp ./test.ko box:/tmp/
  klab cp box:/var/log ./logs
  klab cp --user root ./conf box:/etc/thing`

export function addCopyCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('cp <from> <to>')
    .summary('copy files into a running VM or out of it: NAME:PATH')
    .description('copy files between this machine and a running VM; NAME:PATH is in the VM')
    .option('--user <account>', 'user in the guest (default: you)')
    .option('-q, --quiet', 'say nothing')
    .addHelpText('after', HELP)
    .action(async (from: string, to: string, flags: CopyFlags) => {
      await copyFiles(from, to, flags)
      finish(0)
    })
}

const REPORT_EVERY_MS = 200

async function copyFiles(from: string, to: string, flags: CopyFlags): Promise<void> {
  const [paths, { copy, parseCopyEnd }, { findUser }] = await Promise.all([
    currentPaths(),
    vmCopying(),
    guestUser(),
  ])
  const status = new Status({ quiet: flags.quiet ?? false, verbose: false })
  const startedAt = performance.now()
  let bytes = 0
  let reportedAt = startedAt
  const summary = () => {
    const ms = performance.now() - startedAt
    return `${formatBytes(bytes)} in ${formatDuration(ms)}, ${formatBytes((bytes / ms) * 1000)}/s`
  }
  const onProgress = (count: number) => {
    bytes += count
    if (performance.now() - reportedAt < REPORT_EVERY_MS) return
    reportedAt = performance.now()
    status.progress(`copied ${summary()}`)
  }
  const [source, target] = [from, to].map((text) => parseCopyEnd(text, process.cwd()))
  if (!source || !target) return
  // What goes into a VM stays there.
  if (target.kind === 'host') await audited({ what: 'copy', subject: from, detail: target.path })
  const user = findUser(flags.user ?? ownAccount().name, process.env).ids
  using interrupts = processInterrupts(() => undefined)
  try {
    await copy(paths, [source, target], { user, onProgress, signal: interrupts.stop })
  } finally {
    status.clear()
  }
  status.line(`copied ${summary()}`)
}
