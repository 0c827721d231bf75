import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { guiltyFile } from '../../crash/index.ts'
import { KernelStore } from '../../kernel/index.ts'
import type { CrashRow, RunRow } from '../../store/index.ts'
import type { Lab } from '../context.ts'
import { viewOf, withStore, type RunView } from '../history.ts'
import { symbolised } from './symbolise.ts'

/** A crash with the runs that saw it, newest first. */
export interface CrashView extends CrashRow {
  readonly seenBy: readonly RunView[]
  /** The newest report, with its source lines where there is a vmlinux that knows them. */
  readonly text: string
  readonly guiltyFile: string | undefined
}

/** All crashes, seen last first. */
export async function listCrashes(lab: Lab): Promise<CrashRow[]> {
  return await withStore(lab, (store) => store.crashes())
}

/** The one crash whose fingerprint begins so, or whose title holds it. Throws InfraError if there is none, or several. */
export async function showCrash(lab: Lab, wanted: string): Promise<CrashView> {
  return await withStore(lab, async (store) => {
    const all = await store.crashes()
    const byId = all.filter(({ fingerprint }) => fingerprint.startsWith(wanted))
    const matching = byId.length > 0 ? byId : all.filter(({ title }) => title.includes(wanted))
    const [crash, other] = matching
    if (!crash || wanted === '')
      throw new InfraError('CRASH', `there is no crash ${wanted}; klab crash ls lists them`)
    if (other) {
      throw new InfraError(
        'CRASH',
        `${wanted} means several crashes: ${matching.map(({ fingerprint, title }) => `${fingerprint} (${title})`).join(', ')}`,
      )
    }
    const runs = await store.runsOfCrash(crash.fingerprint)
    const text = await withSources(lab, runs[0], await store.newestText(crash.fingerprint))
    return { ...crash, seenBy: runs.map(viewOf), text, guiltyFile: guiltyFile(text) }
  })
}

/** A report of a kernel that klab built and still has. */
async function withSources(lab: Lab, run: RunRow | undefined, text: string): Promise<string> {
  if (!run?.kernelId) return text
  const vmlinux = join(new KernelStore(lab.paths.cache).directory(run.kernelId), 'vmlinux')
  if (!existsSync(vmlinux)) return text
  const release = run.release ?? undefined
  try {
    return await symbolised(text, { vmlinux, release, cacheDir: lab.paths.cache })
  } catch (error) {
    // The report is worth showing without them.
    if (error instanceof InfraError) return `${text}\n\n(no source lines: ${error.message})`
    throw error
  }
}
