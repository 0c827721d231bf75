import { join } from 'node:path'

import { messageOf } from '../../base/index.ts'
import type { Vm } from '../../vm/index.ts'
import type { TemporaryPaths } from '../aside/temporary.ts'
import { writeDump } from '../dumps/write-dump.ts'
import type { OnEvent } from '../outcome/events.ts'

/** The one dump of a VM that has crashed: at its panic, or when its report is complete, whichever is first. */
export class CrashDump {
  readonly #paths: TemporaryPaths
  readonly #path: string
  readonly #onEvent: OnEvent
  readonly #stop: AbortSignal
  #written: Promise<void> | undefined

  /** The dump goes to `vmcore` in the directory of the run; once `stop` is aborted, it is not wanted any more. */
  constructor(
    paths: TemporaryPaths,
    runDir: string,
    { onEvent, stop }: { readonly onEvent: OnEvent; readonly stop: AbortSignal },
  ) {
    this.#paths = paths
    this.#path = join(runDir, 'vmcore')
    this.#onEvent = onEvent
    this.#stop = stop
  }

  /** Writes it if that was not done; never fails: that there is none is said. */
  async write(vm: Vm): Promise<void> {
    this.#written ??= this.#dump(vm)
    await this.#written
  }

  /** Settles when nothing of one that was begun is being written any more; the VM has to be gone. */
  async settled(): Promise<void> {
    await this.#written
  }

  async #dump(vm: Vm): Promise<void> {
    const wanted = { path: this.#path, format: 'kdump', signal: this.#stop } as const
    try {
      await writeDump(this.#paths, wanted, (packed) => vm.dump(packed, 'kdump-zlib'))
      this.#onEvent({
        kind: 'note',
        message: `memory dumped to ${this.#path} (klab dmesg reads it)`,
      })
    } catch (error) {
      this.#onEvent({ kind: 'note', message: `no dump: ${messageOf(error)}` })
    }
  }
}
