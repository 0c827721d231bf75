import { field, UsageError } from '../../base/index.ts'
import type { AllowRule } from '../outcome/allow-rule.ts'
import { editedFile, editList } from '../config/edit.ts'
import { findProjectFile } from '../config/project-file.ts'
import type { Lab } from '../session/context.ts'
import { keepingTrust } from '../session/trust.ts'
import { showCrash } from './list.ts'

const SETTING = 'run.allowReports'

export interface Ignored {
  readonly file: string
  readonly title: string
  readonly fingerprint: string
}

/**
 * Writes into the project's configuration (the user's for `user`) that a crash does not count, and why; without a reason, that it counts again.
 * Throws UsageError when it is so already, and where there is no project: what is true of one kernel is not to be hidden in all others.
 */
export async function ignoreCrash(
  lab: Lab,
  wanted: string,
  { reason, user }: { reason: string | undefined; user: boolean },
): Promise<Ignored> {
  if (reason?.trim() === '')
    throw new UsageError('--reason is empty: whoever reads it next year wants to know')
  if (!user && findProjectFile(lab.cwd) === undefined)
    throw new UsageError(
      `there is no klab.yaml in ${lab.cwd} or above it: make one for the project (touch klab.yaml), or write it down for all your projects, with --user`,
    )
  const { fingerprint, title } = await showCrash(lab, wanted)
  const file = editedFile(lab.cwd, lab.paths.userConfig, { isUsers: user })
  const isThis = (rule: unknown) => (rule as AllowRule).crash === fingerprint
  const edit = {
    change: (rules: readonly unknown[]) => {
      const others = rules.filter((rule) => !isThis(rule))
      if (reason !== undefined) return [...others, { crash: fingerprint, reason }]
      if (others.length < rules.length) return others
      throw new UsageError(`${title} (${fingerprint}) is not ignored in ${file}`)
    },
    comment: (rule: unknown) => (isThis(rule) ? ` ${String(field(title))}` : undefined),
  }
  await keepingTrust(lab, file, () => editList(file, SETTING, edit))
  return { file, title, fingerprint }
}
