import { formatBytes } from '../../base/index.ts'
import { out } from './print.ts'

/** What was removed, and what is left. */
export function printPruned(
  pruned: {
    readonly removed: readonly { what: string; bytes: number }[]
    readonly keptBytes: number
  },
  { json = false }: { readonly json?: boolean },
): void {
  if (json) {
    out.json(pruned)
    return
  }
  for (const { what, bytes } of pruned.removed) out.line(`removed ${what} (${formatBytes(bytes)})`)
  out.line(`${pruned.removed.length} removed, ${formatBytes(pruned.keptBytes)} kept`)
}
