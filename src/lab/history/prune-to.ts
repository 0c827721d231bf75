/** What was removed, and what is left. */
export interface Pruned {
  readonly removed: readonly { readonly what: string; readonly bytes: number }[]
  readonly keptBytes: number
}

/** Something that may be removed. */
export interface Candidate {
  readonly what: string
  readonly usedAt: number
  readonly bytes: number
  readonly inUse: () => Promise<boolean>
  /** Resolves with whether it was removed, where somebody may have begun to use it. */
  readonly remove: () => Promise<boolean | void>
}

/** Removes what was used longest ago until size and number fit; never what is in use. */
export async function pruneTo(
  candidates: readonly Candidate[],
  limitBytes: number,
  limitCount = Number.POSITIVE_INFINITY,
): Promise<Pruned> {
  const removed: { what: string; bytes: number }[] = []
  let bytes = candidates.reduce((sum, candidate) => sum + candidate.bytes, 0)
  let count = candidates.length
  for (const candidate of candidates.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (bytes <= limitBytes && count <= limitCount) break
    if (await candidate.inUse()) continue
    if ((await candidate.remove()) === false) continue
    removed.push({ what: candidate.what, bytes: candidate.bytes })
    bytes -= candidate.bytes
    count--
  }
  return { removed, keptBytes: bytes }
}
