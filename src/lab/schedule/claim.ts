/** What a VM takes of a machine. */
export interface Claim {
  readonly cpus: number
  readonly memoryMiB: number
  /** One of many that nobody waits for in person: it waits for CPUs too. */
  readonly patient: boolean
}

/** A claim of a VM that runs, or waits before this one. */
export interface EarlierClaim extends Claim {
  /** What its QEMU has of the memory already, and so is no longer free: 0 for one that is about to start. */
  readonly takenMiB: number
}

/** Of a machine's CPUs so many times are given away: a VM that boots, mounts or waits leaves its own idle. */
const CPU_SHARES = 2

/** Whether a VM may run now; if not, why, for people. */
export type Admission =
  | { readonly kind: 'yes' }
  | { readonly kind: 'wait'; readonly why: string }
  | { readonly kind: 'never'; readonly why: string }

/** A machine as it is now. */
export interface MachineFacts {
  readonly cpus: number
  readonly availableMiB: number
  readonly totalMiB: number
}

/** Decides by what came before: who came later waits. Pure. */
export function mayRun(
  claim: Claim,
  earlier: readonly EarlierClaim[],
  { cpus, availableMiB, totalMiB }: MachineFacts,
): Admission {
  // What the others were promised and have not touched yet is not free, whatever the kernel says.
  const promised = earlier.reduce(
    (sum, { memoryMiB, takenMiB }) => sum + Math.max(0, memoryMiB - takenMiB),
    0,
  )
  const free = availableMiB - promised
  if (claim.memoryMiB > free) {
    const canWait = claim.memoryMiB <= totalMiB && (claim.patient || earlier.length > 0)
    if (canWait)
      return {
        kind: 'wait',
        why: `waiting for memory: ${Math.max(0, free)} MiB are free beside ${earlier.length} other VMs, and it wants ${claim.memoryMiB} MiB`,
      }
    return {
      kind: 'never',
      why: `the guest wants ${claim.memoryMiB} MiB of memory and this machine has ${free} MiB free; ask for less with --memory`,
    }
  }
  const given = earlier.reduce((sum, other) => sum + other.cpus, 0)
  if (claim.patient && given > 0 && given + claim.cpus > cpus * CPU_SHARES)
    return {
      kind: 'wait',
      why: `waiting for CPUs: ${earlier.length} other VMs have ${given} virtual ones, and this machine has ${cpus}`,
    }
  return { kind: 'yes' }
}
