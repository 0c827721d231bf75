/**
 * Where kernels are compiled. This machine is one such place (local-builder.ts); a container or another machine would be others: all that a build
 * does there goes through make, and all that it needs and gives is in two directories of this machine.
 */
export interface Builder {
  /** Makes the directories of a build available there. Throws InfraError when that cannot be. */
  open(site: BuildSite): Promise<Workshop>
}

export interface BuildSite {
  /** The sources; nothing is written to them. */
  readonly source: string
  /** The objects that builds before this one have left. */
  readonly output: string
  /** The whole environment of make. */
  readonly env: NodeJS.ProcessEnv
  /** A file that whatever writes to the output has a shared lock of (Confinement.claim). */
  readonly claim: string
  /** Everything that make prints is appended to it. */
  readonly log: string
  readonly signal?: AbortSignal
}

/** Make, at the place where a build is done. */
export interface Workshop {
  /** What the directories of the site are called there, as make variables have to name them. */
  readonly source: string
  readonly output: string
  /** Runs make to its end; what it has made is in the output of the site then. Throws InfraError with the first real error of the build. */
  make(request: MakeRequest): Promise<void>
}

export interface MakeRequest {
  readonly targets: readonly string[]
  /** `NAME=value`, for the command line. */
  readonly variables: readonly string[]
  readonly jobs: number
  readonly onStep?: (step: string) => void
}
