import type { PhaseTimings } from '../../vm/index.ts'

/** A template that had to be made first went its own way: the run's begins with its own process. */
export function withPhase(
  phases: PhaseTimings,
  { phase, ms }: { readonly phase: keyof PhaseTimings; readonly ms: number },
): PhaseTimings {
  return phase === 'process' ? { [phase]: ms } : { ...phases, [phase]: ms }
}
