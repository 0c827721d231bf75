import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { messageOf } from '../../base/index.ts'
import type { Vm } from '../../vm/index.ts'
import { convertDump } from '../dumps/dump-file.ts'
import type { OnEvent } from '../outcome/events.ts'

/** The one dump of a VM that has crashed: at its panic, or when its report is complete, whichever is first. */
export class CrashDump {
  readonly #path: string
  readonly #onEvent: OnEvent
  #written: Promise<void> | undefined

  /** The dump goes to `vmcore` in the directory of the run. */
  constructor(runDir: string, onEvent: OnEvent) {
    this.#path = join(runDir, 'vmcore')
    this.#onEvent = onEvent
  }

  /** Writes it if that was not done; never fails: that there is none is said. */
  async write(vm: Vm): Promise<void> {
    this.#written ??= this.#dump(vm)
    await this.#written
  }

  async #dump(vm: Vm): Promise<void> {
    const partial = `${this.#path}.partial`
    const packed = `${this.#path}.packed`
    try {
      // Packed: most of a guest's memory is empty.
      await vm.dump(packed, 'kdump-zlib')
      convertDump(packed, partial, 'kdump')
      await rename(partial, this.#path)
      this.#onEvent({
        kind: 'note',
        message: `memory dumped to ${this.#path} (klab dmesg reads it)`,
      })
    } catch (error) {
      this.#onEvent({ kind: 'note', message: `no dump: ${messageOf(error)}` })
    } finally {
      await Promise.all([partial, packed].map((path) => rm(path, { force: true })))
    }
  }
}
