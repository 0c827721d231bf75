import { InfraError } from '../../base/index.ts'
import type { CrashRow } from '../../store/index.ts'
import type { Lab } from '../context.ts'
import { viewOf, withStore, type RunView } from '../history.ts'

/** A crash with the runs that saw it, newest first. */
export interface CrashView extends CrashRow {
  readonly seenBy: readonly RunView[]
  /** The newest report. */
  readonly text: string
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
    return {
      ...crash,
      seenBy: runs.map(viewOf),
      text: await store.newestText(crash.fingerprint),
    }
  })
}
