import type { Circumstances } from './facts.ts'

/** A kernel with these taints has lost its footing: memory was corrupted (B), a task died in the kernel (D), a CPU was stuck (L). */
const BROKEN = /[BDL]/g

/** Whether a report comes from a kernel that an earlier one has broken: then it tells of that one's consequences. */
export function isConsequence(
  { taint }: Circumstances,
  { circumstances: earlier }: { readonly circumstances: Circumstances },
): boolean {
  return (taint?.match(BROKEN) ?? []).some((letter) => !earlier.taint?.includes(letter))
}
