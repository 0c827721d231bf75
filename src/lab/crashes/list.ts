import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { severityOf, type Severity } from '../../crash/index.ts'
import { KernelStore } from '../../kernel/index.ts'
import type { CrashRow, RunRow, Store } from '../../store/index.ts'
import { AllowRules } from '../outcome/allow-rule.ts'
import type { Lab } from '../session/context.ts'
import { viewOf, withStore, type RunView } from '../history/history.ts'
import { detailsOf, type ReportDetails } from './details.ts'
import { Symbolizer } from '../symbols/symbolizer.ts'

/** A crash in a list. */
export interface ListedCrash extends CrashRow {
  readonly severity: Severity
  /** Why it does not count, by the configuration. */
  readonly allowed?: string
}

/** A crash with the runs that saw it, newest first, and the newest report, with its source lines where there is a vmlinux that knows them. */
export interface CrashView extends CrashRow, ReportDetails {
  readonly severity: Severity
  readonly seenBy: readonly RunView[]
  readonly text: string
  /** As it was on the console. */
  readonly bareText: string
  readonly allowed?: string
  /** What it has led to, the most frequent first. */
  readonly ledTo: readonly { readonly title: string; readonly runs: number }[]
}

/** All crashes, seen last first. */
export async function listCrashes(lab: Lab): Promise<ListedCrash[]> {
  const rules = await AllowRules.of(lab.config.run.allowReports)
  return await withStore(lab, async (store) => {
    const listed: ListedCrash[] = []
    for (const row of await store.crashes()) {
      const allowed = rules.reasonFor({ ...row, text: await store.newestText(row.fingerprint) })
      const severity = severityOf(row.title)
      listed.push({ ...row, severity, ...(allowed !== undefined && { allowed }) })
    }
    return listed
  })
}

/** The one crash whose fingerprint begins so, or whose title holds it. Throws InfraError if there is none, or several. */
export async function showCrash(lab: Lab, wanted: string): Promise<CrashView> {
  return await withStore(lab, async (store) => {
    const crash = await findCrash(store, wanted)
    const runs = await store.runsOfCrash(crash.fingerprint)
    const bareText = await store.newestText(crash.fingerprint)
    const text = await withSources(lab, runs[0], bareText)
    const rules = await AllowRules.of(lab.config.run.allowReports)
    const allowed = rules.reasonFor({ ...crash, text: bareText })
    return {
      ...crash,
      ...(await detailsOf(lab, text, runs[0])),
      severity: severityOf(crash.title),
      ...{ seenBy: runs.map(viewOf), text, bareText },
      ledTo: await store.consequences(crash.fingerprint),
      ...(allowed !== undefined && { allowed }),
    }
  })
}

/** Removes a crash from the history, with what it has led to; the runs that saw it stay. Throws InfraError as showCrash does. */
export async function removeCrash(lab: Lab, wanted: string): Promise<CrashRow> {
  return await withStore(lab, async (store) => {
    const crash = await findCrash(store, wanted)
    await store.removeReports(crash.fingerprint)
    return crash
  })
}

async function findCrash(store: Store, wanted: string): Promise<CrashRow> {
  const all = await store.crashes()
  const byId = all.filter(({ fingerprint }) => fingerprint.startsWith(wanted))
  const byTitle = all.filter(({ title }) => title.includes(wanted))
  const exact = all.filter(({ title }) => title === wanted)
  const matching = [byId, exact, byTitle].find((some) => some.length > 0) ?? []
  const [crash, other] = matching
  if (!crash || wanted === '')
    throw new InfraError('CRASH', `there is no crash ${wanted}; klab crash ls lists them`)
  if (other) {
    throw new InfraError(
      'CRASH',
      `${wanted} means several crashes: ${matching.map(({ fingerprint, title }) => `${fingerprint} (${title})`).join(', ')}`,
    )
  }
  return crash
}

/** A report of a kernel that klab built and still has. */
async function withSources(lab: Lab, run: RunRow | undefined, text: string): Promise<string> {
  if (!run?.kernelId) return text
  const vmlinux = join(new KernelStore(lab.paths.cache).directory(run.kernelId), 'vmlinux')
  if (!existsSync(vmlinux)) return text
  const release = run.release ?? undefined
  try {
    return await new Symbolizer({ vmlinux, cacheDir: lab.paths.cache }).symbolised(text, release)
  } catch (error) {
    // The report is worth showing without them.
    if (error instanceof InfraError) return `${text}\n\n(no source lines: ${error.message})`
    throw error
  }
}
