import type { Generated } from 'kysely'

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
  pid: number
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
