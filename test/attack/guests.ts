import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'

import type { Lab } from '../../src/lab/session/context.ts'
import { HOSTILE, runHostile, saidOf, type HostileMode } from '../support/hostile-guest.ts'
import { oneOf, type Random } from '../support/random.ts'
import { testLab } from '../support/request.ts'
import { Arena } from './arena.ts'
import type { Attacked, Attacker, Kind } from './kind.ts'

const MODES = Object.keys(HOSTILE) as HostileMode[]
/** What a guest may make this process hold, and its console on disk. */
const MAX_MIB = 400
const MAX_CONSOLE = 40 * 1024 * 1024

export const guests: Kind = {
  about: 'a guest whose PID 1 means harm, in each of its ways',
  row: 8,
  begin: async () => {
    const arena = await Arena.make(process.getuid?.() === 0 ? 'root' : 'user')
    return new Guests(arena, await testLab(arena.home))
  },
}

class Guests implements Attacker {
  readonly #arena: Arena
  readonly #lab: Lab

  constructor(arena: Arena, lab: Lab) {
    this.#arena = arena
    this.#lab = lab
  }

  async attack(random: Random): Promise<Attacked> {
    const mode = oneOf(MODES, random)
    const before = process.memoryUsage.rss()
    const result = await runHostile(this.#lab, mode, this.#arena.place)
    const { ends, said } = HOSTILE[mode]
    const grown = (process.memoryUsage.rss() - before) / 1024 ** 2
    const hits = [
      result.outcome.kind !== ends && `it ends as ${result.outcome.kind}`,
      !said.test(saidOf(result)) && `klab says ${saidOf(result)}`,
      ![100, 124, 125].includes(result.exitCode) && `its exit code is ${result.exitCode}`,
      statSync(result.consolePath).size > MAX_CONSOLE && 'its console fills the disk',
      grown > MAX_MIB && `it has taken ${Math.round(grown)} MiB of memory`,
      existsSync(join(this.#arena.home, 'run', result.id)) && 'its sockets are left',
    ]
    return { what: mode, sort: mode, hits: hits.filter((hit) => hit !== false) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#arena[Symbol.asyncDispose]()
  }
}
