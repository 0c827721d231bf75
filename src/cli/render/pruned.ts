import { formatBytes } from '../../base/index.ts'

/** What was removed, and what is left. */
export function printPruned(
  pruned: {
    readonly removed: readonly { what: string; bytes: number }[]
    readonly keptBytes: number
  },
  { json = false }: { readonly json?: boolean },
): void {
  if (json) {
    console.log(JSON.stringify(pruned, null, 2))
    return
  }
  for (const { what, bytes } of pruned.removed)
    console.log(`removed ${what} (${formatBytes(bytes)})`)
  console.log(`${pruned.removed.length} removed, ${formatBytes(pruned.keptBytes)} kept`)
}
