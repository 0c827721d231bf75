import { UsageError } from '../../base/index.ts'
import type { AllowRule } from '../outcome/allow-rule.ts'
import { editedFile, editList } from '../config/edit.ts'
import type { Lab } from '../session/context.ts'
import { showCrash } from './list.ts'

const SETTING = 'run.allowReports'

export interface Ignored {
  readonly file: string
  readonly title: string
  readonly fingerprint: string
}

/**
 * Writes into the project's configuration (the user's when there is no project, or `user`) that a crash does not count, and why; without a
 * reason, that it counts again. Throws UsageError when it is so already.
 */
export async function ignoreCrash(
  lab: Lab,
  wanted: string,
  { reason, user }: { reason: string | undefined; user: boolean },
): Promise<Ignored> {
  if (reason?.trim() === '')
    throw new UsageError('--reason is empty: whoever reads it next year wants to know')
  const { fingerprint, title } = await showCrash(lab, wanted)
  const file = editedFile(lab.cwd, lab.paths.userConfig, { isUsers: user })
  const isThis = (rule: unknown) => (rule as AllowRule).crash === fingerprint
  await editList(file, SETTING, {
    change: (rules) => {
      const others = rules.filter((rule) => !isThis(rule))
      if (reason !== undefined) return [...others, { crash: fingerprint, reason }]
      if (others.length < rules.length) return others
      throw new UsageError(`${title} (${fingerprint}) is not ignored in ${file}`)
    },
    comment: (rule) => (isThis(rule) ? ` ${title}` : undefined),
  })
  return { file, title, fingerprint }
}
