/** What is done when a kernel complains: of a run, and of a VM that stays. */
export const RUN_POLICIES = ['stop', 'continue', 'dump', 'pause'] as const
export const VM_POLICIES = ['continue', 'dump', 'pause'] as const
export type RunPolicy = (typeof RUN_POLICIES)[number]
export type VmPolicy = (typeof VM_POLICIES)[number]
