import { BootFailure } from '../../vm/index.ts'
import type { Hang } from './hang.ts'

/** A boot that came to a standstill, and where. */
export class HungBoot extends BootFailure {
  readonly hang: Hang

  constructor({ phase, reason, lastLines, timings }: BootFailure, hang: Hang) {
    super({ phase, reason, lastLines, timings, isSilent: true })
    this.hang = hang
  }
}
