import { InfraError } from '../../base/index.ts'
import type { VmRegistry } from './registry.ts'
import type { VmRecord } from './vm-record.ts'

/** A disk that is full now may have room a little later. */
const AGAIN_MS = 2_000

/** The record of a VM in the hands of its keeper: a disk that cannot take a change of it ends no VM, and gets it as soon as it can. */
export class KeptRecord implements Disposable {
  readonly #registry: VmRegistry
  #record: VmRecord
  #timer: NodeJS.Timeout | undefined

  constructor(registry: VmRegistry, record: VmRecord) {
    this.#registry = registry
    this.#record = record
  }

  get present(): VmRecord {
    return this.#record
  }

  change(values: Partial<VmRecord>): void {
    this.#record = { ...this.#record, ...values }
    this.#write()
  }

  #write(): void {
    clearTimeout(this.#timer)
    try {
      this.#registry.write(this.#record)
    } catch (error) {
      if (!(error instanceof InfraError)) throw error
      this.#timer = setTimeout(() => this.#write(), AGAIN_MS).unref()
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
