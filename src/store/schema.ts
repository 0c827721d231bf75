import type { Generated, Insertable, Selectable } from 'kysely'

export interface RunsTable {
  id: string
  startedAt: string
  endedAt: string | null
  /** JSON list of the command's arguments. */
  argv: string
  cwd: string
  kernel: string
  kernelId: string | null
  release: string | null
  /** JSON: cpus, memory, machine type, accelerator. */
  machine: string
  /** `exited`, `crashed` …; null while it runs. */
  outcome: string | null
  exitCode: number | null
  /** JSON: the whole outcome. */
  detail: string | null
  /** JSON: milliseconds to each phase. */
  phases: string | null
  durationMs: number | null
  peakMemoryKiB: number | null
  consolePath: string
  /** JSON: all that was asked for; null for what cannot be asked for again. */
  request: string | null
  /** JSON list: QEMU's command line; null where none is recorded. */
  qemu: string | null
  pid: number
  /** JSON: the process that began it and writes its end, told from later ones of its pid; null of an older klab. */
  owner: string | null
}

export interface ReportsTable {
  id: Generated<number>
  runId: string
  kind: string
  title: string
  text: string
  /** The same for all reports of one bug; empty for those of a klab that knew none. */
  fingerprint: Generated<string>
  /** The function to blame. */
  function: string | null
  /** The fingerprint of the crash that this one is a consequence of. */
  cause: string | null
}

export interface Schema {
  runs: RunsTable
  reports: ReportsTable
}

export type RunRow = Selectable<RunsTable>
export type NewRun = Insertable<RunsTable>

/** A report as it is kept. */
export interface StoredReport {
  readonly kind: string
  readonly title: string
  readonly text: string
  readonly fingerprint: string
  readonly function: string | null
  readonly cause: string | null
}
