import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import type { Rules } from '../../host/index.ts'
import type { Lab } from '../session/context.ts'
import { ownAccount } from '../session/own-account.ts'
import { guestRules } from './guest-rules.ts'
import { hiddenBy } from './rules.ts'

/** What no guest of a lab sees, whatever it is given. Throws InfraError for a share that is hidden itself. */
export function rulesOf(lab: Lab, shares: readonly string[]): Rules {
  const { cwd, config, paths } = lab
  const home = lab.env['HOME'] ?? '/'
  const rules = guestRules({
    ...{ home, accountHome: ownAccount().home ?? home, cwd, shares, more: config.run.hide },
    klab: {
      hide: [paths.state, paths.runtime, paths.userConfig, paths.cache],
      show: ['kernels', 'builds', 'packages'].map((name) => join(paths.cache, name)),
    },
  })
  const hidden = shares.find(hiddenBy(rules))
  if (hidden === undefined) return rules
  throw new InfraError(
    'SHARE_HIDDEN',
    `${hidden} cannot be shared: no guest sees it, for it is on the list of secrets or tells of this machine (docs/secrets.md); share a copy`,
  )
}
