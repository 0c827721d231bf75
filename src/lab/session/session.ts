import type { FoundReport } from '../../crash/index.ts'
import type { ExecRequest } from '../../guest/index.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { Limits } from '../spec/run-request.ts'
import type { Interrupts, Terminal } from './terminal.ts'

/** What is around a command in a session. */
export interface ExecParts {
  readonly terminal: Terminal
  readonly interrupts: Interrupts
  readonly limits: Limits
  /** How long late reports of the kernel are waited for. */
  readonly graceMs: number
}

/**
 * A guest that works, and all that whatever stands on it needs: suites, bisections, module tests and fuzzers are written against this. The same
 * for a VM of this process and for one behind a keeper.
 */
export interface Session extends AsyncDisposable {
  /** Of its run in the history. */
  readonly id: string
  /** Runs a command to its end and judges it as `klab run` does: a complaint of the kernel meanwhile outweighs its exit code. */
  exec(command: ExecRequest, parts: ExecParts): Promise<Outcome>
  /** Writes a file in the guest, by way of a temporary one. Throws InfraError. */
  put(path: string, data: AsyncIterable<Uint8Array> | Uint8Array, mode: number): Promise<void>
  /** Copies a file of the guest to this machine, whole or not at all. Throws InfraError. */
  get(path: string, place: string): Promise<void>
  /** Writes the memory of the VM to a file (kdump). Throws InfraError. */
  dump(place: string): Promise<void>
  /** What its kernel has complained of so far, as far as it counts. */
  reports(): Promise<readonly FoundReport[]>
  /** Settles with the end of the VM. */
  readonly ended: Promise<Outcome>
}
